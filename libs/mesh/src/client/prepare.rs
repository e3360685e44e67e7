use crate::auth::USER_TOKEN;
use crate::config::Timeouts;
use crate::identity::OwnToken;
use crate::server::grpc_timeout;
use crate::telemetry::TraceParent;
use fault::context::{Context as Work, current};
use fault::{Common, Fault};
use futures::future::BoxFuture;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, Response};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tonic::Status;
use tonic::body::Body;
use tower::{BoxError, Service};

/// Time that is reserved for the response to arrive and for the caller to process it.
const RESPONSE_MARGIN: Duration = Duration::from_millis(20);

/// Adds the context of the work in progress to each call: its ids, its caller, its deadline.
#[derive(Clone)]
pub(super) struct Prepare<S> {
    inner: S,
    own: Option<OwnToken>,
    timeouts: Arc<Timeouts>,
}

impl<S> Prepare<S> {
    pub(super) fn new(inner: S, own: Option<OwnToken>, timeouts: Arc<Timeouts>) -> Self {
        Self { inner, own, timeouts }
    }

    fn prepare(&self, request: &mut Request<Body>) -> Result<(), Fault> {
        let work = current();
        let policy = contracts::policy(request.uri().path());
        let methods = policy.map(|policy| self.timeouts.of(policy));
        let headers = request.headers_mut();
        identify(headers, &work);
        self.authorize(headers, &work)?;
        limit(headers, &work, methods)
    }

    fn authorize(&self, headers: &mut HeaderMap, work: &Work) -> Result<(), Fault> {
        let user = work.caller.token.as_ref();
        let Some(own) = &self.own else {
            if let Some(user) = user {
                headers.insert(AUTHORIZATION, bearer(user)?);
            }
            return Ok(());
        };
        let own = own.get().map_err(Fault::internal)?;
        headers.insert(AUTHORIZATION, bearer(&own)?);
        if let Some(user) = user {
            headers.insert(USER_TOKEN, hidden(user.expose_secret())?);
        }
        Ok(())
    }
}

fn identify(headers: &mut HeaderMap, work: &Work) {
    let traceparent = work.traceparent.clone();
    let traceparent = traceparent.unwrap_or_else(|| TraceParent::begin().to_string());
    let ids = [
        ("x-correlation-id", Some(&work.correlation_id)),
        ("x-causation-id", work.causation_id.as_ref()),
        ("traceparent", Some(&traceparent)),
    ];
    for (name, id) in ids {
        if let Some(value) = id.and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert(name, value);
        }
    }
}

/// Sets the timeout of the call: the caller's remaining time, and at most the method's own timeout.
fn limit(headers: &mut HeaderMap, work: &Work, method: Option<Duration>) -> Result<(), Fault> {
    let left = work.remaining().map(|left| left.saturating_sub(RESPONSE_MARGIN));
    if left.is_some_and(|left| left.is_zero()) {
        let message = "the time for this call was up before another service could be asked";
        return Err(Fault::new(Common::DeadlineExceeded, message));
    }
    let shortest = [left, method, grpc_timeout(headers)].into_iter().flatten().min();
    if let Some(shortest) = shortest {
        // Milliseconds have room for a day in the header's eight digits.
        let millis = shortest.as_millis().clamp(1, 99_999_999);
        if let Ok(value) = HeaderValue::from_str(&format!("{millis}m")) {
            headers.insert("grpc-timeout", value);
        }
    }
    Ok(())
}

fn bearer(token: &SecretString) -> Result<HeaderValue, Fault> {
    hidden(&format!("Bearer {}", token.expose_secret()))
}

fn hidden(text: &str) -> Result<HeaderValue, Fault> {
    let mut value = HeaderValue::from_str(text).map_err(Fault::internal)?;
    value.set_sensitive(true);
    Ok(value)
}

impl<S> Service<Request<Body>> for Prepare<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self.prepare(&mut request) {
            Ok(()) => {
                let call = self.inner.call(request);
                Box::pin(async move { call.await.map_err(Into::into) })
            }
            Err(fault) => Box::pin(async move { Ok(Status::from(fault).into_http()) }),
        }
    }
}
