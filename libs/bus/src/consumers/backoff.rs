//! How long an event waits before it is tried again. The broker's count of deliveries rises for many reasons, so it alone does
//! not make a pause long; a long outage of something that the handler needs does.

use rand::Rng;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longest pause by the number of deliveries.
const MAX_BACKOFF: Duration = Duration::from_secs(10);

/// Longest pause during an outage: the deliveries that the broker allows then last for days.
const MAX_OUTAGE_BACKOFF: Duration = Duration::from_secs(600);

/// How long after its pause a failed event may still take to be delivered again.
const MAX_REDELIVERY_DELAY: Duration = Duration::from_secs(60);

/// Since when the events of each subject have failed because of an outage of something that their handler needs.
#[derive(Default)]
pub(super) struct Outages(Mutex<HashMap<String, Outage>>);

struct Outage {
    since: Instant,
    /// A failure after it is another outage: the one before ended in another process, or no event showed its end.
    until: Instant,
}

impl Outages {
    /// One more failed. Returns how long it should wait at least: half as long as the outage has lasted.
    pub fn failed(&self, subject: &str) -> Duration {
        let now = Instant::now();
        let mut outages = self.lock();
        let outage =
            outages.entry(subject.to_owned()).or_insert_with(|| Outage { since: now, until: now });
        if now > outage.until {
            outage.since = now;
        }
        let pause = jittered((now.duration_since(outage.since) / 2).min(MAX_OUTAGE_BACKOFF));
        outage.until = outage.until.max(now + pause + MAX_REDELIVERY_DELAY);
        pause
    }

    /// One had its effect, so the outage is over.
    pub fn ended(&self, subject: &str) {
        self.lock().remove(subject);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Outage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Doubles with each try up to a limit, jittered so that many events are not tried again at once.
pub(super) fn exponential(first: Duration, tries: u32) -> Duration {
    let factor = 1u32 << tries.saturating_sub(1).min(10);
    jittered((first * factor).min(MAX_BACKOFF))
}

pub(super) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.5..1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit() {
        let first = Duration::from_millis(100);
        for (tries, most) in [(0, 100), (1, 100), (2, 200), (5, 1600), (1000, 10_000)] {
            let pause = exponential(first, tries);
            let most = Duration::from_millis(most);
            assert!(most / 2 <= pause && pause <= most, "{tries}: {pause:?}");
        }
    }

    #[test]
    fn pauses_grow_with_an_outage_and_begin_anew_after_it() {
        let outages = Outages::default();
        // An outage that began so many seconds ago, and how long ago a redelivery was last expected.
        let lasts = |seconds, overdue| {
            let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
            let until =
                if overdue == 0 { Instant::now() + MAX_REDELIVERY_DELAY } else { ago(overdue) };
            outages.lock().insert("a".into(), Outage { since: ago(seconds), until });
        };
        assert!(outages.failed("a") < Duration::from_secs(1));
        lasts(60, 0);
        let pause = outages.failed("a").as_secs();
        assert!((14..=31).contains(&pause), "{pause}");
        assert!(outages.failed("b") < Duration::from_secs(1));
        lasts(7_200, 0);
        let pause = outages.failed("a");
        assert!((MAX_OUTAGE_BACKOFF / 2..=MAX_OUTAGE_BACKOFF).contains(&pause), "{pause:?}");
        outages.ended("a");
        assert!(outages.failed("a") < Duration::from_secs(1));
        lasts(7_200, 1);
        assert!(outages.failed("a") < Duration::from_secs(1), "that was another outage");
    }
}
