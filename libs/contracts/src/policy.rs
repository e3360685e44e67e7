use std::time::Duration;

/// How a method is served, as the contract says; configuration may override the numbers.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Path of the method on the wire, e.g. `/souk.pricing.v1.PricingService/SetPrice`.
    pub path: &'static str,
    /// Its name in metrics, settings, stored answers and page tokens, e.g. `pricing.set_price`.
    pub name: &'static str,
    /// Longest time the server works on a call.
    pub timeout: Duration,
    /// Calls that one caller may make in a minute.
    pub per_minute: u32,
    /// Scopes that the caller's token must hold, all of them.
    pub scopes: &'static [&'static str],
    /// No token is asked for.
    pub public: bool,
    /// Whether a call may be repeated.
    pub idempotency: Idempotency,
}

/// Whether a call may be repeated without a second effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotency {
    /// It reads.
    NoSideEffects,
    /// It writes, and repeating it with the same `request_id` has no second effect.
    Idempotent,
    /// Nothing is promised.
    Unknown,
}
