//! When a replica is left out, and for how long.

use std::time::Duration;
use tokio::time::Instant;

/// Answers in a row that are bad before a replica is left out. A broken connection is enough by itself.
const STRIKES: u32 = 5;
const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// How an attempt went, as far as it tells about the replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It answered, whatever it said.
    Good,
    /// It took far longer than the method usually does.
    Slow,
    /// It said that it is not available.
    Unavailable,
    /// There is no connection, or it broke.
    Broken,
}

impl Outcome {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Slow => "slow",
            Self::Unavailable => "unavailable",
            Self::Broken => "broken",
        }
    }
}

/// What is known about one replica.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// Bad outcomes in a row.
    strikes: u32,
    /// Good outcomes in a row.
    good: u32,
    /// How often it was left out before it did well again.
    ejections: u32,
    until: Option<Instant>,
}

/// Whether a replica is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is.
    In,
    /// It was left out and is tried with one call at a time.
    Trial,
    /// It is not.
    Out,
}

impl Health {
    pub(crate) fn standing(&self, now: Instant) -> Standing {
        match self.until {
            None => Standing::In,
            Some(until) if until <= now => Standing::Trial,
            Some(_) => Standing::Out,
        }
    }

    /// Takes an outcome into account; true: the replica is left out from now on. Where `spare` is false it is left out only when it is
    /// broken: a service whose replicas are all slow must still be called.
    pub(crate) fn note(&mut self, outcome: Outcome, spare: bool, now: Instant) -> bool {
        if outcome == Outcome::Good {
            return self.recover(now);
        }
        let standing = self.standing(now);
        self.good = 0;
        self.strikes += 1;
        let due = match outcome {
            Outcome::Broken => true,
            _ => spare && (self.strikes >= STRIKES || standing == Standing::Trial),
        };
        // Calls that were under way when it was left out are no news.
        if !due || standing == Standing::Out {
            return false;
        }
        let pause = SHORTEST.saturating_mul(1 << self.ejections.min(16)).min(LONGEST);
        self.ejections += 1;
        self.strikes = 0;
        self.until = Some(now + pause);
        true
    }

    fn recover(&mut self, now: Instant) -> bool {
        if self.standing(now) != Standing::Out {
            self.until = None;
            self.strikes = 0;
            self.good += 1;
            if self.good >= STRIKES {
                self.ejections = 0;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_replica_is_out_at_once_and_longer_each_time_until_it_does_well() {
        let (mut health, mut now) = (Health::default(), Instant::now());
        for pause in [500, 1_000, 2_000] {
            assert!(health.note(Outcome::Broken, false, now));
            assert!(!health.note(Outcome::Broken, false, now), "others broke with it");
            assert_eq!(health.standing(now), Standing::Out);
            now += Duration::from_millis(pause - 1);
            assert_eq!(health.standing(now), Standing::Out, "{pause}");
            now += Duration::from_millis(1);
            assert_eq!(health.standing(now), Standing::Trial, "{pause}");
        }
        for _ in 0..STRIKES {
            health.note(Outcome::Good, true, now);
            assert_eq!(health.standing(now), Standing::In);
        }
        health.note(Outcome::Broken, true, now);
        assert_eq!(health.standing(now + SHORTEST), Standing::Trial);
    }

    #[test]
    fn slow_answers_count_in_a_row_and_only_while_others_are_left() {
        let (mut health, now) = (Health::default(), Instant::now());
        let mut slow = |times, spare| {
            (0..times).map(|_| health.note(Outcome::Slow, spare, now)).filter(|out| *out).count()
        };
        assert_eq!(slow(20, false), 0);
        assert_eq!(slow(1, true), 1);
        let mut health = Health::default();
        for _ in 0..10 {
            for _ in 1..STRIKES {
                assert!(!health.note(Outcome::Slow, true, now));
            }
            health.note(Outcome::Good, true, now);
        }
    }
}
