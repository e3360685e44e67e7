//! Retries of calls with exponential backoff, so that a restart of the shop or a broken connection does not abort an import.

use crate::output;
use fault::Fault;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tonic::{Code, Response, Status};
use tonic_types::StatusExt;

/// How long to retry without any progress.
const MAX_ELAPSED: Duration = Duration::from_secs(60);
const MIN_PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Exponential backoff that gives up after a minute without progress.
pub struct Backoff {
    since: Instant,
    pause: Duration,
    reported: bool,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { since: Instant::now(), pause: MIN_PAUSE, reported: false }
    }
}

impl Backoff {
    /// Starts again after progress.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Waits before the next attempt. Returns the error if it is not transient, or if the time is up.
    pub async fn wait(&mut self, status: Status) -> Result<(), Fault> {
        let again = is_transient(&status);
        let fault = Fault::answered(status);
        let pause = fault.pause().unwrap_or(self.pause).max(self.pause);
        if !again || self.since.elapsed() + pause > MAX_ELAPSED {
            return Err(fault);
        }
        if !self.reported {
            self.reported = true;
            let seconds = MAX_ELAPSED.as_secs();
            output::note(format_args!("{fault}; trying again for up to {seconds} s"));
        }
        sleep(pause).await;
        self.pause = (self.pause * 2).min(MAX_PAUSE);
        Ok(())
    }
}

/// Makes a call, and repeats it after transient errors.
pub async fn with_retries<T>(
    mut attempt: impl AsyncFnMut() -> Result<Response<T>, Status>,
) -> Result<T, Fault> {
    let mut backoff = Backoff::default();
    loop {
        match attempt().await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) => backoff.wait(status).await?,
        }
    }
}

/// Whether the same call may succeed later. A broken connection is reported as UNKNOWN or INTERNAL, but without an error reason; a
/// service always adds one.
fn is_transient(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable
        | Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::ResourceExhausted => true,
        Code::Unknown | Code::Internal => status.get_error_details().error_info().is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog_api::v1::Reason;
    use fault::Common;

    #[test]
    fn only_transient_errors_are_retried() {
        let of = |fault: Fault| is_transient(&Status::from(fault));
        assert!(is_transient(&Status::unavailable("tcp connect error")));
        assert!(is_transient(&Status::unknown("h2 protocol error: error reading a body")));
        assert!(of(Fault::new(Common::Overloaded, "wait")));
        assert!(!of(Fault::internal("a bug")));
        assert!(!of(Fault::new(Reason::ImportStopped, "a row")));
        assert!(!of(Fault::new(Common::TokenInvalid, "expired")));
    }

    #[tokio::test(start_paused = true)]
    async fn retries_end_after_a_minute_without_progress() {
        let mut backoff = Backoff::default();
        let begin = Instant::now();
        while backoff.wait(Status::unavailable("down")).await.is_ok() {}
        let waited = begin.elapsed();
        assert!(waited > Duration::from_secs(50) && waited <= MAX_ELAPSED, "{waited:?}");
        backoff.reset();
        assert!(backoff.wait(Status::unavailable("down")).await.is_ok());
    }
}
