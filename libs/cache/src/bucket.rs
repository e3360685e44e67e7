//! What one instance knows of the bucket of one caller and method.

use crate::decision::{Decision, Limit};
use crate::shared::{Answer, Ask};
use std::time::{Duration, Instant};

/// How long a run of permits may be used.
const RUN_TIME: Duration = Duration::from_millis(100);
/// A caller that used its run up sooner than this gets a run twice as long.
const SHORT: Duration = Duration::from_millis(50);
/// Longest run.
const MAX_RUN: u32 = 32;

/// What is left of the run of permits that was taken last, and when the bucket is full.
pub(crate) struct Bucket {
    /// When it is full again, less what other instances gave since.
    full_at: Instant,
    /// Whether the last permit was given without the shared bucket.
    alone: bool,
    /// Permits of the run that are left.
    left: u32,
    /// How many there were.
    run: u32,
    taken_at: Instant,
    /// Permits that were left in the shared bucket then.
    behind: u32,
    /// Until then there are none.
    empty_until: Instant,
}

impl Bucket {
    pub(crate) fn full() -> Self {
        let now = Instant::now();
        let (full_at, taken_at, empty_until) = (now, now, now);
        Self { full_at, alone: false, left: 0, run: 0, taken_at, behind: 0, empty_until }
    }

    /// The decision, where the shared bucket need not be asked: a permit of the run is left, or there are known to be none.
    pub(crate) fn known(&mut self, now: Instant) -> Option<Decision> {
        if now < self.empty_until {
            return Some(self.refused(now));
        }
        if self.left == 0 || now.duration_since(self.taken_at) > RUN_TIME {
            return None;
        }
        self.left -= 1;
        Some(self.allowed(now))
    }

    /// What to ask the shared bucket. A hot caller gets runs of permits, so that Redis is not asked for each call: so long that it
    /// uses one up in 50 to 100 ms.
    pub(crate) fn ask(&mut self, now: Instant, limit: Limit) -> Ask {
        let longest = (limit.burst / 10).clamp(1, MAX_RUN);
        let lasted = now.duration_since(self.taken_at);
        self.run = match self.run.max(1) {
            run if lasted < SHORT => (run * 2).min(longest),
            run if lasted < RUN_TIME => run,
            _ => 1,
        };
        self.taken_at = now;
        Ask {
            wanted: self.run,
            known: self.full_at.saturating_duration_since(now),
            alone: self.alone,
        }
    }

    /// The decision by the answer to what was asked at `now`.
    pub(crate) fn answered(&mut self, now: Instant, answer: &Answer) -> Decision {
        self.alone = false;
        self.full_at = now + answer.reset;
        self.behind = answer.free;
        self.left = answer.taken.saturating_sub(1);
        if answer.taken > 0 {
            return self.allowed(now);
        }
        self.empty_until = now + answer.pause;
        self.refused(now)
    }

    /// Notes a decision without the shared bucket. That is told of it later, so that it gives nothing twice.
    pub(crate) fn alone(&mut self, now: Instant, decision: Decision) -> Decision {
        (self.alone, self.left, self.run) = (true, 0, 0);
        self.full_at = self.full_at.max(now + decision.reset);
        decision
    }

    fn allowed(&self, now: Instant) -> Decision {
        Decision {
            allowed: true,
            remaining: self.behind + self.left,
            retry_after: Duration::ZERO,
            reset: self.full_at.saturating_duration_since(now),
        }
    }

    fn refused(&self, now: Instant) -> Decision {
        Decision {
            allowed: false,
            remaining: 0,
            retry_after: self.empty_until.saturating_duration_since(now),
            reset: self.full_at.saturating_duration_since(now),
        }
    }
}
