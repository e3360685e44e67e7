//! Waiting for a condition instead of a time.

use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The longest that a test waits for anything: far beyond what is usual, since a busy machine is no failure.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Asks until the answer is `Some` and returns it; panics with `what` when that takes too long.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}
