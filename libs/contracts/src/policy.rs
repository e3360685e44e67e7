use std::time::Duration;

/// How a method is served. Settings can override the timeout.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Path of the method on the wire, e.g. `/souk.pricing.v1.PricingService/SetPrice`.
    pub path: &'static str,
    /// Its name in metrics, settings, stored responses and page tokens, e.g. `pricing.set_price`.
    pub name: &'static str,
    /// Timeout of a call on the server.
    pub timeout: Duration,
    /// Maximum number of calls per caller and minute. It is documented, but no server enforces it yet.
    pub per_minute: u32,
    /// Scopes that the caller's token must have, all of them.
    pub scopes: &'static [&'static str],
    /// Whether it can be called without a token.
    pub public: bool,
    /// Whether its caller sends a stream of messages.
    pub takes_stream: bool,
    /// Whether it answers with a stream of messages.
    pub gives_stream: bool,
    /// Whether a call may be repeated.
    pub idempotency: Idempotency,
    /// Number of the field `request_id` of its request, where it has one.
    pub request_id: Option<u32>,
}

impl Policy {
    /// Whether one message is sent and one is answered.
    pub fn unary(&self) -> bool {
        !self.takes_stream && !self.gives_stream
    }
}

/// Whether a call may be repeated without a second effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotency {
    /// It only reads.
    NoSideEffects,
    /// It writes, and repeating it with the same `request_id` has no second effect.
    Idempotent,
    /// A repeated call may have a second effect.
    Unknown,
}
