//! The share of one instance while Redis is away: the same bucket as the script's, smaller and slower by the number of instances. It goes
//! on from what the instance knows of the shared bucket, so that an outage gives a caller no other burst.

use crate::decision::{Decision, Limit};
use std::time::{Duration, Instant};

/// Takes a permit out of a bucket that is full at `full_at`; returns the decision and when it is full then.
pub(crate) fn take(
    full_at: Instant,
    now: Instant,
    limit: Limit,
    instances: u32,
) -> (Decision, Instant) {
    let interval = limit.interval() * instances;
    let burst = (limit.burst / instances).max(1);
    let full = full_at.clamp(now, now + interval * burst);
    let allowed = full - now <= interval * (burst - 1);
    let after = if allowed { full + interval } else { full };
    let used = (after - now).as_nanos().div_ceil(interval.as_nanos().max(1));
    let decision = Decision {
        allowed,
        remaining: burst.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX)),
        retry_after: if allowed { Duration::ZERO } else { full - now - interval * (burst - 1) },
        reset: after - now,
    };
    (decision, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit { per_minute: 600, burst: 60 };

    /// Permits that are given at once, and when the bucket is full then.
    fn drained(full_at: Instant, now: Instant, instances: u32) -> (u32, Instant) {
        let (mut given, mut full_at) = (0, full_at);
        loop {
            let (decision, after) = take(full_at, now, LIMIT, instances);
            full_at = after;
            if !decision.allowed {
                return (given, full_at);
            }
            given += 1;
        }
    }

    #[test]
    fn an_instance_gives_its_share_of_burst_and_rate() {
        let now = Instant::now();
        assert_eq!(drained(now, now, 1).0, 60);
        let (burst, full_at) = drained(now, now, 3);
        assert_eq!(burst, 20);
        assert_eq!(drained(full_at, now + Duration::from_secs(3), 3).0, 10);
        // However many instances there are, a caller is not locked out.
        assert_eq!(drained(now, now, 1_000).0, 1);
    }

    #[test]
    fn it_goes_on_from_the_bucket_as_it_is() {
        let now = Instant::now();
        // Half of the shared burst was used up.
        assert_eq!(drained(now + Duration::from_secs(3), now, 1).0, 30);
        assert_eq!(drained(now + Duration::from_secs(3), now, 3).0, 10);
    }

    #[test]
    fn a_decision_says_what_is_left_and_when_to_come_again() {
        let now = Instant::now();
        let (first, _) = take(now, now, LIMIT, 1);
        assert_eq!((first.remaining, first.reset), (59, Duration::from_millis(100)));
        let (_, empty) = drained(now, now, 1);
        let (refused, _) = take(empty, now, LIMIT, 1);
        let (after, whole) = (Duration::from_millis(100), Duration::from_secs(6));
        assert_eq!((refused.allowed, refused.remaining), (false, 0));
        assert_eq!((refused.retry_after, refused.reset), (after, whole));
        assert!(take(empty, now + after, LIMIT, 1).0.allowed);
    }
}
