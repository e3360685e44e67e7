//! What is to happen in a run, from a seed: the same seed gives the same schedule.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

/// Where a run's seed can be given.
pub const SEED: &str = "SOUK_FAULTS_SEED";

/// The seed from the environment, else a random one.
pub fn seed() -> u64 {
    let named = std::env::var(SEED).ok().and_then(|text| text.parse().ok());
    named.unwrap_or_else(|| rand::rng().random_range(1..1_000_000))
}

/// The randomness of a run. `salt` keeps its parts apart: one that draws more than before does not change the others.
pub fn random(seed: u64, salt: &str) -> StdRng {
    let salt = salt.bytes().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    StdRng::seed_from_u64(seed ^ salt.rotate_left(32))
}

/// Something that happens when so much of a run's work is done: then it happens at the same places on a slow machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<T> {
    /// Events that are committed by then.
    pub at: u64,
    /// What it is.
    pub what: T,
}

/// Each of `what` as often as its number says, in a random order, spread over a run of so many events.
pub fn spread<T: Clone>(seed: u64, what: &[(T, usize)], events: u64) -> Vec<Step<T>> {
    let mut random = random(seed, "schedule");
    let repeated = what.iter().flat_map(|(what, count)| std::iter::repeat_n(what.clone(), *count));
    let mut all: Vec<T> = repeated.collect();
    all.shuffle(&mut random);
    let each = events / u64::try_from(all.len()).unwrap_or(1).max(1);
    let mut step =
        |(index, what)| Step { at: index * each + random.random_range(0..each.max(1)), what };
    (0..).zip(all).map(&mut step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_schedule_again_and_another_one_gives_another() {
        let schedule = |seed| spread(seed, &[("relay", 10), ("broker", 3)], 1000);
        assert_eq!(schedule(1), schedule(1));
        assert_ne!(schedule(1), schedule(2));
        let count = |name| schedule(3).iter().filter(|step| step.what == name).count();
        assert_eq!((count("relay"), count("broker")), (10, 3));
        assert!(schedule(3).is_sorted_by_key(|step| step.at));
        assert!(schedule(3).iter().all(|step| step.at < 1000));
        assert_ne!(random(1, "a"), random(1, "b"));
    }
}
