//! The gRPC connection of tests: over TCP, with a token. It records the result of every call.

use crate::record;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::BodyExt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use tower::Service;

/// A connection that sends a token, for any generated client.
#[derive(Clone)]
pub struct Caller {
    channel: Channel,
    authorization: Option<HeaderValue>,
}

impl Caller {
    /// A connection that sends this token, or none.
    pub fn new(channel: Channel, token: Option<&str>) -> Self {
        let authorization = token.map(|token| format!("Bearer {token}").parse().unwrap());
        Self { channel, authorization }
    }
}

type Calling =
    Pin<Box<dyn Future<Output = Result<Response<Body>, tonic::transport::Error>> + Send>>;

impl Service<Request<Body>> for Caller {
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = Calling;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.channel.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let method = request.uri().path().to_owned();
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert("authorization", authorization.clone());
        }
        let answer = self.channel.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            if answer.headers().contains_key("grpc-status") {
                note(&method, answer.headers());
                return Ok(answer);
            }
            Ok(answer.map(|body| {
                Body::new(body.map_frame(move |frame: http_body::Frame<Bytes>| {
                    if let Some(trailers) = frame.trailers_ref() {
                        note(&method, trailers);
                    }
                    frame
                }))
            }))
        })
    }
}

fn note(method: &str, headers: &HeaderMap) {
    let Some(status) = Status::from_header_map(headers) else { return };
    if status.code() == Code::Ok {
        record::note(&format!("ok {method}"));
        return;
    }
    if let Some(info) = status.get_error_details().error_info() {
        record::note(&format!("refused {method} {} {}", info.domain, info.reason));
    }
}

/// The reason of an error, e.g. `SKU_TAKEN`; empty if it has none.
pub fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}
