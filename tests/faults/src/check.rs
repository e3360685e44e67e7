//! Whether the promise was kept: pure functions over a history, so that it can be checked again at any time.

pub mod c1;
pub mod c2;
pub mod c8;
mod verdict;

use crate::history::Entry;

pub use verdict::{Verdict, Violation};

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
            let committed = Version { key: key.clone(), version };
            history.push(Entry::Committed {
                who: "write-0".into(),
                events: vec![committed],
                at: seq,
            });
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

    /// Index of the message with this position in the history.
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
    fn a_verdict_counts_all_and_describes_the_first() {
        let mut verdict = Verdict::default();
        assert_eq!(verdict.to_string(), "lost=0 disordered=0 doubled=0 verdict=ok");
        for number in 0..10 {
            verdict.add(Violation::Twice, || number.to_string());
        }
        let verdict = verdict.and(all(&good()));
        assert_eq!(verdict.to_string(), "lost=0 disordered=0 doubled=0 twice=10 verdict=FAILED");
        assert_eq!(verdict.examples(), ["twice: 0", "twice: 1", "twice: 2"]);
    }
}
