use std::time::Duration;

/// How a method is served. Settings can override the timeout and the calls per minute.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Path of the method on the wire, e.g. `/souk.pricing.v1.PricingService/SetPrice`.
    pub path: &'static str,
    /// Its name in metrics, settings, stored responses and page tokens, e.g. `pricing.set_price`.
    pub name: &'static str,
    /// Timeout of a call on the server.
    pub timeout: Duration,
    /// Calls that a caller may make in a minute in the long run.
    pub per_minute: u32,
    /// Calls that a caller may make at once; none leaves it to [`Policy::burst_of`].
    pub burst: Option<u32>,
    /// How early its calls are refused while the service is busy.
    pub priority: Priority,
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

impl Policy {
    /// Calls that a caller may make at once where it may make so many in a minute: what the contract says, but never more than those
    /// of the minute, else a quarter of them.
    pub fn burst_of(&self, per_minute: u32) -> u32 {
        self.burst.unwrap_or(per_minute / 4).clamp(1, per_minute.max(1))
    }
}

/// How early calls are refused while a service is busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// First.
    Bulk,
    /// After bulk calls.
    Normal,
    /// Last: somebody is about to pay.
    Critical,
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
