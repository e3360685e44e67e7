//! How long each method usually takes, over all replicas: what is slow for one is usual for another.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Times as long as usual is slow.
const FACTOR: f64 = 5.0;
/// Less than this is never slow: it is what a busy machine does to anybody.
const FLOOR: Duration = Duration::from_millis(50);
/// The share of a new answer in the average.
const WEIGHT: f64 = 0.1;
/// As how many times the average a slower answer counts, so that one slow replica does not become the rule.
const CEILING: f64 = 1.5;

#[derive(Debug, Default)]
pub(crate) struct Typical {
    seconds: Mutex<HashMap<&'static str, f64>>,
}

impl Typical {
    /// Takes an answer into account; true: it was slow.
    pub(crate) fn note(&self, method: &'static str, took: Duration) -> bool {
        let mut seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        let took = took.as_secs_f64();
        let usual = seconds.entry(method).or_insert(took);
        let slow = is_slow(*usual, took);
        *usual += (took.min(*usual * CEILING) - *usual) * WEIGHT;
        slow
    }

    /// Whether it is slow that a call has no answer for so long.
    pub(crate) fn is_slow(&self, method: &'static str, took: Duration) -> bool {
        let seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        seconds.get(method).is_some_and(|usual| is_slow(*usual, took.as_secs_f64()))
    }
}

fn is_slow(usual: f64, took: f64) -> bool {
    took > (usual * FACTOR).max(FLOOR.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_third_answer_may_be_slow_without_becoming_the_rule() {
        let typical = Typical::default();
        let ms = Duration::from_millis;
        for _ in 0..1_000 {
            assert!(!typical.note("a", ms(4)));
            assert!(!typical.note("a", ms(4)));
            assert!(typical.note("a", ms(300)));
        }
        assert!(!typical.note("b", ms(300)), "another method");
        // Where all are slow, that is the rule soon.
        assert!((0..200).any(|_| !typical.note("a", ms(300))));
    }
}
