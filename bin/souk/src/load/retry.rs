//! Trying again. A shop that restarts, or a connection that breaks, is not the end of an import.

use crate::say;
use fault::Fault;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tonic::{Code, Response, Status};
use tonic_types::StatusExt;

/// How long nothing may get on.
const LONGEST: Duration = Duration::from_secs(60);
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Waits between attempts, longer each time, and gives up when nothing has got on for a minute.
pub struct Patience {
    since: Instant,
    pause: Duration,
    said: bool,
}

impl Default for Patience {
    fn default() -> Self {
        Self { since: Instant::now(), pause: SHORTEST_PAUSE, said: false }
    }
}

impl Patience {
    /// Something got on.
    pub fn renew(&mut self) {
        *self = Self::default();
    }

    /// Waits before the next attempt; gives the refusal back where another attempt is no use.
    pub async fn after(&mut self, status: Status) -> Result<(), Fault> {
        let again = is_passing(&status);
        let fault = Fault::answered(status);
        let pause = fault.pause().unwrap_or(self.pause).max(self.pause);
        if !again || self.since.elapsed() + pause > LONGEST {
            return Err(fault);
        }
        if !self.said {
            self.said = true;
            say::note(format_args!("{fault}; trying again for up to {} s", LONGEST.as_secs()));
        }
        sleep(pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

/// Makes a call until it is answered.
pub async fn patiently<T>(
    mut attempt: impl AsyncFnMut() -> Result<Response<T>, Status>,
) -> Result<T, Fault> {
    let mut patience = Patience::default();
    loop {
        match attempt().await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) => patience.after(status).await?,
        }
    }
}

/// Whether the same call may succeed later. A broken connection shows as UNKNOWN or INTERNAL, but only a service gives reasons.
fn is_passing(status: &Status) -> bool {
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
    use contracts::catalog::v1::Reason;
    use fault::Common;

    #[test]
    fn what_may_pass_is_tried_again_and_what_is_wrong_is_not() {
        let of = |fault: Fault| is_passing(&Status::from(fault));
        assert!(is_passing(&Status::unavailable("tcp connect error")));
        assert!(is_passing(&Status::unknown("h2 protocol error: error reading a body")));
        assert!(of(Fault::new(Common::Overloaded, "wait")));
        assert!(!of(Fault::internal("a bug")));
        assert!(!of(Fault::new(Reason::ImportStopped, "a row")));
        assert!(!of(Fault::new(Common::TokenInvalid, "expired")));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_after_a_minute_without_progress() {
        let mut patience = Patience::default();
        let begin = Instant::now();
        while patience.after(Status::unavailable("down")).await.is_ok() {}
        let waited = begin.elapsed();
        assert!(waited > Duration::from_secs(50) && waited <= LONGEST, "{waited:?}");
        patience.renew();
        assert!(patience.after(Status::unavailable("down")).await.is_ok());
    }
}
