use crate::frames::{Frames, frame};
use crate::page::Numbered;
use crate::routes::{Found, Route, Routes, Verb};
use crate::template::Bound;
use crate::{answer, lines, query, refusal, request};
use bytes::{Bytes, BytesMut};
use fault::{Common, Fault};
use futures::FutureExt;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use prost::Message;
use prost_reflect::DynamicMessage;
use std::sync::Arc;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{BoxError, Service, ServiceExt};
use uuid::Uuid;

/// The header with the id that everything which one request causes has in common.
const CORRELATION: HeaderName = HeaderName::from_static("x-correlation-id");

/// A body may be so many times as large before its connection is closed in the middle of it.
const DRAINED: usize = 4;

/// Headers of a request that the service is given too.
const PASSED_IN: [&str; 5] =
    ["authorization", "traceparent", "tracestate", "x-forwarded-for", "x-causation-id"];
/// Headers of the service's answer that the caller is given too.
const PASSED_OUT: [&str; 3] = ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"];

/// Answers HTTP by calling a gRPC service: the server stack of this process, or a channel to another one.
#[derive(Clone)]
pub struct Front<S> {
    routes: Arc<Routes>,
    inner: S,
    max_body_bytes: usize,
}

/// What is at the path of a request, for metrics: the route as the contract spells it.
#[derive(Debug, Clone)]
pub struct At {
    /// The service, e.g. `catalog`; empty where nothing is there.
    pub service: String,
    /// The path, with the names of its fields.
    pub path: String,
}

impl<S, B> Front<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    /// Serves the routes by calls of `inner`.
    pub fn new(routes: Routes, inner: S, max_body_bytes: usize) -> Self {
        Self { routes: Arc::new(routes), inner, max_body_bytes }
    }

    /// Answers a request; beside the answer, what is at its path.
    pub async fn answer<R>(&self, request: Request<R>) -> (Response<Body>, Option<At>)
    where
        R: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        R::Error: Into<BoxError>,
    {
        let (mut head, body) = request.into_parts();
        let id = correlation(&head.headers);
        let only_head = head.method == Method::HEAD;
        if only_head {
            head.method = Method::GET;
        }
        let (mut response, at) = match self.find(&head) {
            Ok((route, bound)) => {
                let at = At { service: route.service(), path: route.path().to_owned() };
                (self.call(route, bound, head, body, &id).await, Some(at))
            }
            Err(response) => (refused(*response, &id), None),
        };
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(CORRELATION, id);
        }
        if only_head {
            response = response.map(|_| Body::empty());
        }
        (response, at)
    }

    fn find(&self, head: &Parts) -> Result<(&Route, Bound), Box<Unserved>> {
        let path = head.uri.path();
        let Some(verb) = Verb::of(&head.method) else {
            return Err(Box::new(Unserved::Verb(String::new())));
        };
        match self.routes.find(verb, path) {
            Ok(Found::Route(route, bound)) => Ok((route, bound)),
            Ok(Found::OtherVerbs(verbs)) => {
                let allowed: Vec<String> = verbs.iter().map(ToString::to_string).collect();
                Err(Box::new(Unserved::Verb(allowed.join(", "))))
            }
            Ok(Found::Nothing) => Err(Box::new(Unserved::Path)),
            Err(_) => Err(Box::new(Unserved::NotText)),
        }
    }

    async fn call<R>(
        &self,
        route: &Route,
        bound: Bound,
        head: Parts,
        body: R,
        id: &str,
    ) -> Response<Body>
    where
        R: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        R::Error: Into<BoxError>,
    {
        if route.streams() {
            return self.stream(route, head, body, id).await;
        }
        let conditional = head.headers.contains_key(header::IF_MATCH);
        let body = match read(body, self.max_body_bytes).await {
            Ok(body) => body,
            Err(fault) => return refusal::of_fault(fault, id),
        };
        let read = || {
            let mut query = query::pairs(head.uri.query().unwrap_or_default())?;
            let numbered = Numbered::take(&mut query, &route.method.input())?;
            let message = request::message(route, bound, query, &head.headers, &body)?;
            Ok::<_, Fault>((message, numbered))
        };
        let (message, numbered) = match read() {
            Ok(read) => read,
            Err(fault) => return refusal::of_fault(fault, id),
        };
        let unary = |message| self.unary(route, message, &head, id).boxed();
        let answered = match &numbered {
            None => unary(message).await.map(|(answer, headers)| {
                let tag = answer::tag(&answer);
                let json = answer::json(&answer::shown(route.answer.as_ref(), answer));
                (answer::whole(&json, tag, &head.headers), headers)
            }),
            Some(numbered) => numbered
                .collect(message, unary)
                .await
                .map(|(json, headers)| (answer::whole(&json, None, &head.headers), headers)),
        };
        let (mut response, headers) = match answered {
            Ok(answered) => answered,
            Err(status) => {
                let headers = status.metadata().clone().into_headers();
                (refusal::of_status(status, conditional, id), headers)
            }
        };
        pass(&headers, &PASSED_OUT, response.headers_mut());
        response
    }

    /// One message there, one back, with the headers of the answer.
    async fn unary(
        &self,
        route: &Route,
        message: DynamicMessage,
        head: &Parts,
        id: &str,
    ) -> Result<(DynamicMessage, HeaderMap), Status> {
        let body = Body::new(Full::from(frame(&message.encode_to_vec())));
        let answer = self.inner.clone().oneshot(rpc(route, head, id, body)).await;
        let answer = answer.map_err(|error| unavailable(&error.into()))?;
        let (head, mut body) = answer.into_parts();
        if let Some(status) = Status::from_header_map(&head.headers) {
            // A refusal without a body has its status in the headers.
            if status.code() != Code::Ok {
                return Err(with_headers(status, &head.headers));
            }
        }
        let (mut frames, mut trailers) = (Frames::default(), HeaderMap::new());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| unavailable(&error.into()))?;
            match frame.into_data() {
                Ok(data) => frames.push(&data),
                Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
            }
        }
        match Status::from_header_map(&trailers) {
            Some(status) if status.code() != Code::Ok => {
                return Err(with_headers(status, &head.headers));
            }
            _ => {}
        }
        let bytes = frames.next().ok_or_else(|| Status::internal("the answer has no message"))?;
        let decoded = DynamicMessage::decode(route.method.output(), bytes);
        let decoded = decoded.map_err(|error| Status::internal(error.to_string()))?;
        Ok((decoded, head.headers))
    }

    /// Lines there, lines back.
    async fn stream<R>(&self, route: &Route, head: Parts, body: R, id: &str) -> Response<Body>
    where
        R: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        R::Error: Into<BoxError>,
    {
        let (body, wrong) = lines::messages(body, route.method.input(), self.max_body_bytes);
        let answer = self.inner.clone().oneshot(rpc(route, &head, id, body)).await;
        match answer {
            Ok(answer) => lines::answer(answer, route.method.output(), wrong, id).await,
            Err(error) => refusal::of_status(unavailable(&error.into()), false, id),
        }
    }
}

/// The whole body. Somewhat more than may be is read too, since who is still sending would not see a refusal.
async fn read<R>(mut body: R, max: usize) -> Result<Bytes, Fault>
where
    R: http_body::Body<Data = Bytes> + Unpin,
    R::Error: Into<BoxError>,
{
    let (mut kept, mut bytes) = (BytesMut::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Fault::new(Common::Undecodable, "the body breaks off"))?;
        let Ok(data) = frame.into_data() else { continue };
        bytes += data.len();
        match bytes {
            fits if fits <= max => kept.extend_from_slice(&data),
            _ if bytes > DRAINED * max => break,
            _ => kept.clear(),
        }
    }
    if bytes <= max {
        return Ok(kept.freeze());
    }
    let message = format!("the body has more than {max} bytes");
    Err(Fault::new(Common::MessageTooLarge, message))
}

/// Why nothing is at a path.
enum Unserved {
    /// Only these are there.
    Verb(String),
    Path,
    NotText,
}

fn refused(why: Unserved, id: &str) -> Response<Body> {
    match why {
        Unserved::NotText => {
            refusal::of_fault(Fault::new(Common::Undecodable, "the path is no UTF-8 text"), id)
        }
        Unserved::Path => {
            let message = "nothing is served at this path; the paths are in /api/openapi.json";
            let fault = Fault::new(Common::MethodUnknown, message);
            refusal::with_code(StatusCode::NOT_FOUND, &fault, id)
        }
        Unserved::Verb(allowed) => {
            let message = format!("this path takes {allowed}");
            let fault = Fault::new(Common::MethodUnknown, message.trim_end().to_owned());
            let mut response = refusal::with_code(StatusCode::METHOD_NOT_ALLOWED, &fault, id);
            if let Ok(allowed) = HeaderValue::from_str(&allowed) {
                response.headers_mut().insert(header::ALLOW, allowed);
            }
            response
        }
    }
}

/// The call of a method with what the caller sent beside its message.
fn rpc(route: &Route, head: &Parts, id: &str, body: Body) -> Request<Body> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    if let Ok(path) = route.method_path().parse() {
        *request.uri_mut() = path;
    }
    *request.version_mut() = http::Version::HTTP_2;
    // Where it came from, and when.
    *request.extensions_mut() = head.extensions.clone();
    let headers = request.headers_mut();
    pass(&head.headers, &PASSED_IN, headers);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(CORRELATION, id);
    }
    request
}

fn pass(from: &HeaderMap, names: &[&'static str], to: &mut HeaderMap) {
    for name in names {
        for value in from.get_all(*name) {
            to.append(*name, value.clone());
        }
    }
}

/// The status with the headers beside which it came: they say what is left of a limit.
fn with_headers(mut status: Status, headers: &HeaderMap) -> Status {
    let mut all = status.metadata().clone().into_headers();
    pass(headers, &PASSED_OUT, &mut all);
    *status.metadata_mut() = tonic::metadata::MetadataMap::from_headers(all);
    status
}

fn unavailable(error: &BoxError) -> Status {
    let fault = Fault::new(Common::DependencyUnavailable, "the service does not answer; retry");
    fault.because(error.to_string()).into()
}

/// The caller's correlation id, if it is one that may go into logs; else a new one.
pub fn correlation(headers: &HeaderMap) -> String {
    let sent = headers.get(CORRELATION).or_else(|| headers.get("correlation-id"));
    let sent = sent.and_then(|id| id.to_str().ok());
    sent.filter(|id| fault::context::is_id(id))
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}
