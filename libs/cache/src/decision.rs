use std::time::Duration;

/// How many calls a caller may make: `burst` at once, and `per_minute` in the long run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limit {
    /// Calls in a minute, at least 1.
    pub per_minute: u32,
    /// Calls at once, at least 1.
    pub burst: u32,
}

/// Whether a call may go on, and how much its caller has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// False: refuse the call.
    pub allowed: bool,
    /// Calls that the caller can make at once now.
    pub remaining: u32,
    /// Time until a call is allowed; zero for one that is.
    pub retry_after: Duration,
    /// Time until the caller has the whole burst again, if it makes no calls.
    pub reset: Duration,
}

impl Limit {
    /// Time in which one call is given back.
    pub(crate) fn interval(self) -> Duration {
        Duration::from_secs(60) / self.per_minute.max(1)
    }
}
