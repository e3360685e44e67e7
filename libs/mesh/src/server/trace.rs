use fault::context::Context;
use fault::trace::TraceParent;
use tracing::Span;

/// Opens the call's span, as part of the caller's trace where it sent one.
pub(super) fn open(path: &str, context: &mut Context) -> Span {
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
    context.traceparent = Some(trace.to_string());
    span
}
