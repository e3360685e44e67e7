//! Tuning of the consumers.

use std::time::Duration;

/// How long a process that ends waits for the one event that it isolates or replays: its tasks are cut off after three
/// seconds, and within them it still has to commit that it has survived.
pub(super) const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);

/// Tuning of the consumers; the defaults are those of production.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// How long the broker waits for an acknowledgement before it delivers a message to another consumer. It is extended in time
    /// for messages that take longer.
    pub ack_wait: Duration,
    /// Most messages that one durable consumer may have handed out.
    pub max_ack_pending: i64,
    /// How often the broker delivers a message at most; far beyond what is ever needed, because reaching it would hide
    /// the message.
    pub max_deliver: i64,
    /// Events of one key are handled by one worker, in order; so many keys are handled at once.
    pub workers: usize,
    /// Most events that share a transaction. More of them would hold the locks of hot keys for longer, and have more to repeat
    /// where one fails.
    pub batch: usize,
    /// Longest pause after events that were fewer than `batch`, in which more gather for the next transaction. It is as long as
    /// that transaction took, so it is only noticed under load.
    pub gather: Duration,
    /// First pause before an event is tried again; further ones grow.
    pub retry: Duration,
    /// Longest time of a transaction, of one event or of many.
    pub handling: Duration,
}

impl Tuning {
    /// For handlers that take batches: few large transactions instead of many small ones.
    pub fn of_batches() -> Self {
        Self { workers: 2, batch: 64, gather: Duration::from_millis(25), ..Self::default() }
    }
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            ack_wait: Duration::from_secs(10),
            max_ack_pending: 256,
            max_deliver: 1000,
            workers: 8,
            batch: 16,
            gather: Duration::ZERO,
            retry: Duration::from_millis(250),
            handling: Duration::from_secs(30),
        }
    }
}
