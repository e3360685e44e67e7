use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use fault::context::{Caller, Context, scope};
use fault::trace::TraceParent;
use http::{HeaderMap, HeaderValue};
use uuid::Uuid;

/// The header with the id that is shared by everything that one request caused.
pub(crate) const CORRELATION: &str = "x-correlation-id";
/// Another spelling that is taken too; the answer has the first.
const CORRELATION_TOO: &str = "correlation-id";
/// The header that names the event whose handling made the call.
pub(crate) const CAUSATION: &str = "x-causation-id";

/// Takes the caller's correlation id, or makes one, and sends it back with the answer.
pub(super) async fn correlate(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let sent = text(headers, CORRELATION).or_else(|| text(headers, CORRELATION_TOO));
    let id = sent.unwrap_or_else(|| Uuid::now_v7().to_string());
    let context = Context {
        work: channel::measure::method(request.uri().path()),
        correlation_id: id.clone(),
        causation_id: text(headers, CAUSATION),
        traceparent: traceparent(headers),
        deadline: None,
        caller: Caller { subject: "unknown".to_owned(), token: None },
    };
    let mut response = scope(context, next.run(request)).await;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(CORRELATION, id);
    }
    response
}

/// The caller's trace, if it sent one that is well-formed.
fn traceparent(headers: &HeaderMap) -> Option<String> {
    let sent = headers.get("traceparent")?.to_str().ok()?;
    TraceParent::parse(sent).map(|parent| parent.to_string())
}

/// A received id, if it is well-formed: it goes into logs, events and headers, so no other characters may be in it.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let id = headers.get(name)?.to_str().ok()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:/".contains(&b);
    ((1..=128).contains(&id.len()) && id.bytes().all(plain)).then(|| id.to_owned())
}
