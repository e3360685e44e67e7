//! What is wrong with a history, and how often.

use std::collections::BTreeMap;
use std::fmt;

/// Violations of each kind that are described; the rest is only counted.
const MAX_EXAMPLES: usize = 3;

/// What is wrong with a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Violation {
    /// Something committed is not in the outbox, not in the stream, or has no effect.
    Lost,
    /// Versions of a key were published in another order, or a projection went back.
    Disordered,
    /// An event had its effect twice.
    Doubled,
    /// The same event is twice in the stream although the broker had its id in the duplicate window.
    Twice,
    /// Something exists that was never committed.
    Invented,
    /// A dead letter that should not exist, or one that is missing.
    DeadLetter,
    /// A projection differs from its owner.
    Apart,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", format!("{self:?}").to_lowercase())
    }
}

/// What the checkers found in a history.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    counts: BTreeMap<Violation, u64>,
    examples: Vec<String>,
}

impl Verdict {
    /// Whether nothing is wrong.
    pub fn is_ok(&self) -> bool {
        self.counts.is_empty()
    }

    /// How often that violation was found.
    pub fn count(&self, violation: Violation) -> u64 {
        self.counts.get(&violation).copied().unwrap_or_default()
    }

    /// Descriptions of the first violations of each kind.
    pub fn examples(&self) -> &[String] {
        &self.examples
    }

    pub(super) fn add(&mut self, violation: Violation, describe: impl FnOnce() -> String) {
        let count = self.counts.entry(violation).or_default();
        *count += 1;
        if usize::try_from(*count).is_ok_and(|count| count <= MAX_EXAMPLES) {
            self.examples.push(format!("{violation}: {}", describe()));
        }
    }

    pub(super) fn and(mut self, other: Self) -> Self {
        for (wrong, count) in other.counts {
            *self.counts.entry(wrong).or_default() += count;
        }
        self.examples.extend(other.examples);
        self
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for wrong in [Violation::Lost, Violation::Disordered, Violation::Doubled] {
            write!(f, "{wrong}={} ", self.count(wrong))?;
        }
        for (wrong, count) in &self.counts {
            if ![Violation::Lost, Violation::Disordered, Violation::Doubled].contains(wrong) {
                write!(f, "{wrong}={count} ")?;
            }
        }
        write!(f, "verdict={}", if self.is_ok() { "ok" } else { "FAILED" })
    }
}
