//! W3C trace context: what makes spans of several processes one trace.

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use std::fmt;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// W3C trace context. It is made and passed on even where no traces are exported, so that the logs of all services join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    trace: u128,
    span: u64,
    sampled: bool,
}

impl TraceParent {
    /// A trace that begins here.
    pub fn begin() -> Self {
        // Zero is no id.
        Self {
            trace: rand::random::<u128>().max(1),
            span: rand::random::<u64>().max(1),
            sampled: false,
        }
    }

    /// Reads the header's text; none where it is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex =
            |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let shaped = [(version, 2), (trace, 32), (span, 16), (flags, 2)];
        if shaped.iter().any(|(part, length)| part.len() != *length || !hex(part))
            || version == "ff"
        {
            return None;
        }
        let trace = u128::from_str_radix(trace, 16).ok().filter(|id| *id != 0)?;
        let span = u64::from_str_radix(span, 16).ok().filter(|id| *id != 0)?;
        let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        Some(Self { trace, span, sampled })
    }

    /// The trace of `span`, which goes on that of `remote`. Where traces are exported, OpenTelemetry chooses the ids.
    pub fn enter(span: &tracing::Span, remote: Option<Self>) -> Self {
        if let Some(remote) = remote {
            // Fails where no traces are exported, and then there is nothing to join.
            let _ = span
                .set_parent(opentelemetry::Context::new().with_remote_span_context(remote.into()));
        }
        let context = span.context();
        let exported = context.span().span_context().clone();
        if exported.is_valid() {
            return Self::from(&exported);
        }
        let own = Self::begin();
        remote.map_or(own, |remote| Self { span: own.span, ..remote })
    }

    /// Whether its spans are exported.
    pub fn sampled(&self) -> bool {
        self.sampled
    }

    /// The trace's id as logs show it.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

impl From<&SpanContext> for TraceParent {
    fn from(context: &SpanContext) -> Self {
        Self {
            trace: u128::from_be_bytes(context.trace_id().to_bytes()),
            span: u64::from_be_bytes(context.span_id().to_bytes()),
            sampled: context.is_sampled(),
        }
    }
}

impl From<TraceParent> for SpanContext {
    fn from(parent: TraceParent) -> Self {
        let flags = if parent.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
        let (trace, span) = (TraceId::from(parent.trace), SpanId::from(parent.span));
        SpanContext::new(trace, span, flags, true, TraceState::default())
    }
}

#[cfg(test)]
mod tests {
    use super::TraceParent;

    #[test]
    fn a_header_survives_the_way_through() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let parent = TraceParent::parse(text).unwrap();
        assert_eq!(parent.to_string(), text);
        assert_eq!(parent.trace_id(), "0af7651916cd43dd8448eb211c80319c");
    }

    #[test]
    fn what_is_no_trace_context_is_ignored() {
        let zero = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
        let upper = "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01";
        for text in
            ["", "00", zero, upper, "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]
        {
            assert_eq!(TraceParent::parse(text), None, "{text}");
        }
    }
}
