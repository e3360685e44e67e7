//! Spans of events, as parts of the traces of those who made the changes.

use crate::envelope::Envelope;
use fault::trace::TraceParent;
use tracing::Span;

/// The span of an event that is published. None where the trace is not exported: there are too many events to make spans for nothing.
pub(crate) fn publishing(envelope: &mut Envelope) -> Option<Span> {
    let parent = parent(envelope).filter(TraceParent::sampled)?;
    let span = tracing::info_span!(
        "publish",
        otel.name = format!("publish {}", envelope.subject),
        otel.kind = "producer",
        event_id = %envelope.id,
        correlation_id = envelope.correlation_id,
    );
    // Whoever consumes it goes on from here.
    envelope.traceparent = Some(TraceParent::enter(&span, Some(parent)).to_string());
    Some(span)
}

/// The span of an event that is handled, with its own trace context. Of level error, so that the strictest filter leaves the ids in the
/// lines that a handler logs.
pub(crate) fn handling(consumer: &str, envelope: &Envelope) -> (Span, TraceParent) {
    let span = tracing::error_span!(
        "event",
        otel.name = format!("consume {}", envelope.subject),
        otel.kind = "consumer",
        consumer,
        event_id = %envelope.id,
        correlation_id = envelope.correlation_id,
        trace_id = tracing::field::Empty,
    );
    let own = TraceParent::enter(&span, parent(envelope));
    span.record("trace_id", own.trace_id());
    (span, own)
}

/// The same of an event that is handled together with others, where its trace is exported.
pub(crate) fn handling_with_others(consumer: &str, envelope: &Envelope) -> Option<Span> {
    parent(envelope).filter(TraceParent::sampled).map(|_| handling(consumer, envelope).0)
}

fn parent(envelope: &Envelope) -> Option<TraceParent> {
    envelope.traceparent.as_deref().and_then(TraceParent::parse)
}
