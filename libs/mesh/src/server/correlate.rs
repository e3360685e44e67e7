use fault::context::{Caller, Context, is_id};
use fault::trace::TraceParent;
use http::{HeaderMap, HeaderValue};
use uuid::Uuid;

/// The header with the id that is shared by everything that one request caused.
pub(crate) const CORRELATION: &str = "x-correlation-id";
/// Another spelling that is taken too; the answer has the first.
const CORRELATION_TOO: &str = "correlation-id";
/// The header that names the event whose handling made the call.
pub(crate) const CAUSATION: &str = "x-causation-id";

/// The context of a call: with the caller's correlation id, or a new one.
pub(super) fn context(path: &str, headers: &HeaderMap) -> Context {
    let sent = text(headers, CORRELATION).or_else(|| text(headers, CORRELATION_TOO));
    Context {
        work: channel::measure::method(path),
        correlation_id: sent.unwrap_or_else(|| Uuid::now_v7().to_string()),
        causation_id: text(headers, CAUSATION),
        traceparent: traceparent(headers),
        deadline: None,
        caller: Caller { subject: "unknown".to_owned(), token: None },
    }
}

/// Sends the correlation id back with the answer.
pub(super) fn answer(headers: &mut HeaderMap, id: &str) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(CORRELATION, id);
    }
}

/// The caller's trace, if it sent one that is well-formed.
fn traceparent(headers: &HeaderMap) -> Option<String> {
    let sent = headers.get("traceparent")?.to_str().ok()?;
    TraceParent::parse(sent).map(|parent| parent.to_string())
}

/// A received id, if it is well-formed.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().filter(|id| is_id(id)).map(str::to_owned)
}
