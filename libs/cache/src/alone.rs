//! The share of one instance while Redis is away: a smaller and slower bucket for each caller and method, full at the beginning.

use crate::decision::{Decision, Limit};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// So many buckets are kept without a look which of them are full.
const FEW: usize = 1_024;

type Keyed =
    RateLimiter<String, DefaultKeyedStateStore<String>, DefaultClock, StateInformationMiddleware>;

/// The buckets of one of several instances.
pub(crate) struct Alone {
    instances: NonZeroU32,
    shares: Mutex<HashMap<Limit, Share>>,
}

/// The buckets of all methods that have the same limit.
struct Share {
    buckets: Keyed,
    /// With so many buckets the full ones are dropped, which are as good as none.
    crowded: usize,
}

impl Alone {
    pub(crate) fn new(instances: u32) -> Self {
        let instances = NonZeroU32::new(instances).unwrap_or(NonZeroU32::MIN);
        Self { instances, shares: Mutex::default() }
    }

    /// Takes a permit out of the bucket of a caller and method.
    pub(crate) fn take(&self, key: &String, limit: Limit) -> Decision {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let share = shares.entry(limit).or_insert_with(|| Share::new(limit, self.instances));
        share.make_room();
        share.take(key)
    }
}

impl Share {
    fn new(limit: Limit, instances: NonZeroU32) -> Self {
        // All instances together give no more than a quarter of a minute's calls at once, also where the contract allows more.
        let burst = limit.burst.min(limit.per_minute / 4) / instances;
        let quota = Quota::with_period(limit.interval() * instances.get())
            .unwrap_or(Quota::per_second(NonZeroU32::MAX))
            .allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN));
        Self { buckets: RateLimiter::keyed(quota).with_middleware(), crowded: FEW }
    }

    fn make_room(&mut self) {
        if self.buckets.len() >= self.crowded {
            self.buckets.retain_recent();
            self.crowded = FEW.max(2 * self.buckets.len());
        }
    }

    fn take(&self, key: &String) -> Decision {
        match self.buckets.check_key(key) {
            Ok(left) => {
                let (quota, remaining) = (left.quota(), left.remaining_burst_capacity());
                let used = quota.burst_size().get() - remaining;
                let reset = quota.replenish_interval() * used;
                Decision { allowed: true, remaining, retry_after: Duration::ZERO, reset }
            }
            Err(refused) => {
                let quota = refused.quota();
                let retry_after = refused.wait_time_from(self.buckets.clock().now());
                let reset =
                    retry_after + quota.replenish_interval() * (quota.burst_size().get() - 1);
                Decision { allowed: false, remaining: 0, retry_after, reset }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call a minute, so that nothing comes back during a test.
    const SLOW: Limit = Limit { per_minute: 1, burst: 1 };
    const LIMIT: Limit = Limit { per_minute: 240, burst: 60 };

    /// Permits that one of so many instances gives at once.
    fn burst(instances: u32, limit: Limit) -> usize {
        let alone = Alone::new(instances);
        (0..).take_while(|_| alone.take(&"caller".to_owned(), limit).allowed).count()
    }

    #[test]
    fn an_instance_gives_its_share_of_a_quarter_of_a_minutes_calls() {
        assert_eq!([1, 3, 10].map(|instances| burst(instances, LIMIT)), [60, 20, 6]);
        // The contract may allow fewer at once, or more.
        assert_eq!([15, 240].map(|calls| burst(3, Limit { burst: calls, ..LIMIT })), [5, 20]);
        // However many instances there are, a caller is not locked out.
        assert_eq!(burst(1_000, LIMIT), 1);
    }

    #[test]
    fn a_decision_says_what_is_left_and_when_to_come_again() {
        let alone = Alone::new(2);
        let limit = Limit { per_minute: 8, burst: 4 };
        let take = || alone.take(&"caller".to_owned(), limit);
        let seconds = |time: Duration| time.as_secs_f64().ceil() as u64;
        let first = take();
        assert_eq!((first.allowed, first.remaining, seconds(first.reset)), (true, 0, 15));
        let second = take();
        assert_eq!((second.allowed, second.remaining, seconds(second.reset)), (false, 0, 15));
        assert_eq!(seconds(second.retry_after), 15);

        let alone = Alone::new(1);
        let [first, second] = [(); 2].map(|()| alone.take(&"caller".to_owned(), LIMIT));
        assert_eq!((first.remaining, first.reset), (59, LIMIT.interval()));
        assert_eq!((second.remaining, seconds(second.reset)), (58, 1));
    }

    #[test]
    fn callers_methods_and_limits_are_apart() {
        let alone = Alone::new(1);
        for key in ["get caller", "set caller", "get other"] {
            assert!(alone.take(&key.to_owned(), SLOW).allowed, "{key}");
            assert!(!alone.take(&key.to_owned(), SLOW).allowed, "{key}");
        }
    }

    #[test]
    fn buckets_that_are_full_again_take_no_memory() {
        let alone = Alone::new(1);
        let fast = Limit { per_minute: 60_000_000, burst: 15_000_000 };
        for n in 0..50 * FEW {
            alone.take(&n.to_string(), fast);
        }
        let kept = |limit| alone.shares.lock().unwrap()[&limit].buckets.len();
        assert!(kept(fast) <= 4 * FEW, "{}", kept(fast));
        // One that is not full stays.
        alone.take(&"first".to_owned(), SLOW);
        for n in 0..2 * FEW {
            alone.take(&n.to_string(), SLOW);
        }
        assert!(!alone.take(&"first".to_owned(), SLOW).allowed);
    }
}
