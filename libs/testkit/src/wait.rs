//! Waits for conditions.

use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The longest time that a test waits for a condition, generous so that tests do not fail on a busy machine.
pub const TIMEOUT: Duration = Duration::from_secs(300);

/// Polls until the result is `Some` and returns it; panics with `what` after a timeout.
pub async fn eventually<T>(what: &str, mut poll: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = poll().await {
            return value;
        }
        assert!(begun.elapsed() < TIMEOUT, "waited in vain: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}
