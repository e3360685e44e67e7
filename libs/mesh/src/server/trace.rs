use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use fault::context::{Context, current, scope};
use fault::trace::TraceParent;
use tracing::Instrument;

/// Opens the call's span, as part of the caller's trace where it sent one.
pub(super) async fn trace(request: Request, next: Next) -> Response {
    let context = current();
    let path = request.uri().path();
    // Of level error, so that the strictest filter still leaves the ids in the log.
    let span = tracing::error_span!(
        "call",
        rpc = path,
        correlation_id = %context.correlation_id,
        trace_id = tracing::field::Empty,
        otel.name = path,
        otel.kind = "server",
    );
    let sent = context.traceparent.as_deref().and_then(TraceParent::parse);
    let trace = TraceParent::enter(&span, sent);
    span.record("trace_id", trace.trace_id());
    let context = Context { traceparent: Some(trace.to_string()), ..Context::clone(&context) };
    scope(context, next.run(request)).instrument(span).await
}
