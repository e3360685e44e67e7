//! Which refusals are logged. Whoever can reach a port can have calls refused, also without a token; a line for each would let them fill
//! the log and hide what else stands in it. All of them are counted.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often refusals of one method and reason are logged.
const INTERVAL: Duration = Duration::from_secs(10);

/// Methods and reasons that are told apart at a time.
const MAX_KINDS: usize = 1_024;

static LOGGED: LazyLock<Mutex<Sample>> = LazyLock::new(Mutex::default);

/// Whether a refusal is logged: the first one of its method and reason in ten seconds is, with the number of those before it that were
/// not.
pub(crate) fn logged(work: &'static str, reason: &str) -> Option<u64> {
    let mut sample = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    sample.take(work, reason, Instant::now())
}

#[derive(Default)]
struct Sample {
    kinds: HashMap<(&'static str, String), Kind>,
}

struct Kind {
    logged: Instant,
    suppressed: u64,
}

impl Sample {
    fn take(&mut self, work: &'static str, reason: &str, now: Instant) -> Option<u64> {
        let mut key = (work, reason.to_owned());
        if self.kinds.len() >= MAX_KINDS && !self.kinds.contains_key(&key) {
            self.kinds.retain(|_, kind| now.duration_since(kind.logged) < INTERVAL);
            if self.kinds.len() >= MAX_KINDS {
                key = ("", String::new());
            }
        }
        let Some(kind) = self.kinds.get_mut(&key) else {
            self.kinds.insert(key, Kind { logged: now, suppressed: 0 });
            return Some(0);
        };
        if now.duration_since(kind.logged) < INTERVAL {
            kind.suppressed += 1;
            return None;
        }
        kind.logged = now;
        Some(std::mem::take(&mut kind.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_each_method_and_reason_in_ten_seconds_is_logged() {
        let (mut sample, begin) = (Sample::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(sample.take("get", "TOKEN_MISSING", at(0)), Some(0));
        assert_eq!(sample.take("get", "TOKEN_MISSING", at(1)), None);
        assert_eq!(sample.take("get", "TOKEN_MISSING", at(9)), None);
        assert_eq!(sample.take("set", "TOKEN_MISSING", at(9)), Some(0));
        assert_eq!(sample.take("get", "TOKEN_INVALID", at(9)), Some(0));
        assert_eq!(sample.take("get", "TOKEN_MISSING", at(10)), Some(2));
        assert_eq!(sample.take("get", "TOKEN_MISSING", at(20)), Some(0));
    }

    #[test]
    fn kinds_are_bounded() {
        let (mut sample, now) = (Sample::default(), Instant::now());
        for reason in 0..3 * MAX_KINDS {
            sample.take("get", &reason.to_string(), now);
        }
        assert!(sample.kinds.len() <= MAX_KINDS + 1);
        sample.take("get", "later", now + INTERVAL);
        assert_eq!(sample.kinds.len(), 1);
    }
}
