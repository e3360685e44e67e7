//! Whether the promise was kept: pure functions over a history, so that a verdict can be had again at any time.

pub mod c1;
pub mod c2;
pub mod c8;

use crate::history::Entry;
use std::collections::BTreeMap;
use std::fmt;

/// Violations of each kind that a verdict tells; the rest is only counted.
const TOLD: usize = 3;

/// What is wrong with a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// Something committed is not in the outbox, not in the stream, or has no effect.
    Lost,
    /// Versions of a key were published in another order, or a projection went back.
    Disordered,
    /// An event had its effect twice.
    Doubled,
    /// The same event lies twice in the stream although the broker knew its id.
    Twice,
    /// Something is there that nobody committed.
    Invented,
    /// A dead letter that should be none, or the other way round.
    Buried,
    /// A projection differs from its owner.
    Apart,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", format!("{self:?}").to_lowercase())
    }
}

/// What the checkers say of a history.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    counts: BTreeMap<Wrong, u64>,
    told: Vec<String>,
}

impl Verdict {
    /// Whether nothing is wrong.
    pub fn is_ok(&self) -> bool {
        self.counts.is_empty()
    }

    /// How often that is wrong.
    pub fn count(&self, wrong: Wrong) -> u64 {
        self.counts.get(&wrong).copied().unwrap_or_default()
    }

    /// The first violations of each kind, in words.
    pub fn told(&self) -> &[String] {
        &self.told
    }

    fn wrong(&mut self, wrong: Wrong, what: impl FnOnce() -> String) {
        let count = self.counts.entry(wrong).or_default();
        *count += 1;
        if usize::try_from(*count).is_ok_and(|count| count <= TOLD) {
            self.told.push(format!("{wrong}: {}", what()));
        }
    }

    fn and(mut self, other: Self) -> Self {
        for (wrong, count) in other.counts {
            *self.counts.entry(wrong).or_default() += count;
        }
        self.told.extend(other.told);
        self
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for wrong in [Wrong::Lost, Wrong::Disordered, Wrong::Doubled] {
            write!(f, "{wrong}={} ", self.count(wrong))?;
        }
        for (wrong, count) in &self.counts {
            if ![Wrong::Lost, Wrong::Disordered, Wrong::Doubled].contains(wrong) {
                write!(f, "{wrong}={count} ")?;
            }
        }
        write!(f, "verdict={}", if self.is_ok() { "ok" } else { "FAILED" })
    }
}

/// All checkers together.
pub fn all(history: &[Entry]) -> Verdict {
    c1::check(history).and(c2::check(history)).and(c8::check(history))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Mark;
    use crate::history::{Claim, OutboxRow, Projected, Stored, Version};

    /// A history of three events, two of key `a` and one of key `b`, with which nothing is wrong.
    pub fn good() -> Vec<Entry> {
        let events = [("e1", "a", 1), ("e2", "a", 2), ("e3", "b", 1)];
        let mut history = vec![Entry::Run { name: "good".into(), seed: 1 }];
        for (seq, (id, key, version)) in (1i64..).zip(events) {
            let (id, key) = (id.to_owned(), key.to_owned());
            let said = Version { key: key.clone(), version };
            history.push(Entry::Said { who: "say-0".into(), events: vec![said], at: seq });
            history.push(Entry::Outbox(OutboxRow {
                seq,
                id: id.clone(),
                key: key.clone(),
                version,
                published: true,
                attempts: 0,
            }));
            let position = seq.unsigned_abs();
            let stored =
                Stored { position, at: seq, id: Some(id.clone()), key, version, mark: None };
            history.push(Entry::Stored(stored));
            for consumer in [c2::COUNTING, c2::PROJECTING] {
                let claim = Claim { consumer: consumer.to_owned(), id: id.clone(), at: seq };
                history.push(Entry::Claim(claim));
            }
        }
        for (key, version) in [("a", 2i64), ("b", 1)] {
            let key = key.to_owned();
            history.push(Entry::Tally { key: key.clone(), count: version.unsigned_abs() });
            history.push(Entry::Owner(Version { key: key.clone(), version }));
            history.push(Entry::Projected(Projected { key, version, back: 0 }));
        }
        history
    }

    /// Where the message with this position stands in the history.
    pub fn stored_of(history: &[Entry], position: u64) -> usize {
        let is =
            |entry: &Entry| matches!(entry, Entry::Stored(stored) if stored.position == position);
        history.iter().position(is).unwrap()
    }

    /// Marks an event of the stream.
    pub fn mark(history: &mut [Entry], id: &str, mark: Mark) {
        for entry in history {
            if let Entry::Stored(stored) = entry
                && stored.id.as_deref() == Some(id)
            {
                stored.mark = Some(mark.to_string());
            }
        }
    }

    #[test]
    fn a_verdict_counts_all_and_tells_the_first() {
        let mut verdict = Verdict::default();
        assert_eq!(verdict.to_string(), "lost=0 disordered=0 doubled=0 verdict=ok");
        for number in 0..10 {
            verdict.wrong(Wrong::Twice, || number.to_string());
        }
        let verdict = verdict.and(all(&good()));
        assert_eq!(verdict.to_string(), "lost=0 disordered=0 doubled=0 twice=10 verdict=FAILED");
        assert_eq!(verdict.told(), ["twice: 0", "twice: 1", "twice: 2"]);
    }
}
