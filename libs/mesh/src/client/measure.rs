use crate::measure::Timed;
use futures::future::BoxFuture;
use http::{Request, Response};
use std::error::Error;
use std::task::{Context, Poll};
use tonic::Code;
use tonic::body::Body;
use tower::{BoxError, Service};

/// Times each call by method and code.
#[derive(Clone)]
pub(super) struct Measure<S> {
    inner: S,
}

impl<S> Measure<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S> Service<Request<Body>> for Measure<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let timed = Timed::begin("rpc_client_call_duration_seconds", request.uri().path());
        let call = self.inner.call(request);
        Box::pin(async move {
            let outcome = call.await;
            match &outcome {
                Ok(response) => timed.end_with(response.headers()),
                Err(error) => timed.end(code(error.as_ref())),
            }
            outcome
        })
    }
}

/// The status code that the caller sees for a call without a response.
fn code(error: &(dyn Error + 'static)) -> Code {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    if causes.any(|error| error.is::<tonic::TimeoutExpired>()) {
        Code::DeadlineExceeded
    } else {
        Code::Unavailable
    }
}
