use crate::answer::{Answer, Failure, refusal};
use crate::breaker::Breaker;
use crate::measure::{Timed, method};
use crate::options::{Options, Prepare};
use crate::pool::Pool;
use crate::refresh::Refresh;
use crate::repeat::Repeat;
use contracts::types::v1::Reason as Common;
use futures::future::BoxFuture;
use http::{Request, Response, Uri};
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tonic::Code;
use tonic::body::Body;
use tonic::transport;
use tower::{BoxError, Service};

/// From this on a call that had no answer in time speaks against the service; a caller may have less time than any answer takes.
const LONG: Duration = Duration::from_secs(1);

/// Calls one service, at whatever addresses its name has. It connects when it is first used; cloning is cheap, and clones share all.
#[derive(Clone)]
pub struct Channel {
    stack: Arc<Stack>,
}

struct Stack {
    target: &'static str,
    prepare: Arc<dyn Prepare>,
    bulkhead: Semaphore,
    breaker: Breaker,
    repeat: Repeat,
    refresh: AbortHandle,
}

impl Channel {
    /// A channel to the service at `address`, `http://host:port`; `host` may have many addresses. Runs within a tokio runtime.
    pub fn new(address: Uri, options: Options) -> Result<Self, transport::Error> {
        let pool = Arc::new(Pool::new(options.target));
        let refresh = Refresh::new(Arc::clone(&pool), address, &options)?;
        let stack = Stack {
            target: options.target,
            prepare: options.prepare,
            bulkhead: Semaphore::new(options.max_in_flight),
            breaker: Breaker::new(options.target),
            repeat: Repeat::new(pool),
            refresh: tokio::spawn(refresh.run()).abort_handle(),
        };
        Ok(Self { stack: Arc::new(stack) })
    }
}

impl Stack {
    async fn call(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let timed = Timed::begin("rpc_client_call_duration_seconds", request.uri().path());
        let outcome = self.admit(request).await;
        timed.end(code(&outcome));
        outcome.map(|answer| answer.response).map_err(Failure::into_error)
    }

    async fn admit(&self, request: Request<Body>) -> Result<Answer, Failure> {
        let (mut head, body) = request.into_parts();
        let prepared = self.prepare.prepare(head.uri.path(), &mut head.headers).await;
        prepared.map_err(Failure::Refused)?;
        let Ok(_permit) = self.bulkhead.try_acquire() else {
            let message = "too many calls to the service are under way";
            return Err(self.refuse("bulkhead", Common::Overloaded, message));
        };
        let Some(ticket) = self.breaker.admit(Instant::now()) else {
            let message = "most calls to the service failed, so none are made for some seconds";
            return Err(self.refuse("breaker", Common::DependencyUnavailable, message));
        };
        let begun = Instant::now();
        let outcome = self.send(Request::from_parts(head, body)).await;
        let now = Instant::now();
        let failed = match code(&outcome) {
            Code::Unavailable => true,
            Code::DeadlineExceeded => now.duration_since(begun) >= LONG,
            _ => false,
        };
        ticket.end(failed, now);
        outcome
    }

    async fn send(&self, request: Request<Body>) -> Result<Answer, Failure> {
        let path = request.uri().path();
        match contracts::policy(path) {
            Some(policy) if policy.unary() => self.repeat.unary(policy, request).await,
            _ => self.repeat.stream(method(path), request).await,
        }
    }

    fn refuse(&self, by: &'static str, reason: Common, message: &str) -> Failure {
        metrics::counter!("rpc_client_refused_total", "target" => self.target, "by" => by)
            .increment(1);
        Failure::Refused(refusal(reason, &format!("{}: {message}", self.target)))
    }
}

fn code(outcome: &Result<Answer, Failure>) -> Code {
    outcome.as_ref().map_or_else(Failure::code, |answer| answer.code)
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.refresh.abort();
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let stack = Arc::clone(&self.stack);
        Box::pin(async move { stack.call(request).await })
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Channel").field("target", &self.stack.target).finish_non_exhaustive()
    }
}
