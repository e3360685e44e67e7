//! What is wrong with a message, bounded: a message with thousands of wrong elements must not cost thousands of texts.

use crate::violation::Violation;
use std::ops::{Deref, DerefMut};

/// Most violations that are kept.
const MAX_KEPT: usize = 50;

/// Most bytes of a path or of a message; what follows is cut off, since both may echo what was sent.
const MAX_TEXT: usize = 200;

/// Violations: the first ones, and how many there are. As a slice it is the first ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Violations {
    first: Vec<Violation>,
    count: usize,
}

impl Violations {
    /// Adds one.
    pub fn push(&mut self, violation: Violation) {
        self.count += 1;
        if self.first.len() < MAX_KEPT {
            let Violation { field, rule, message } = violation;
            self.first.push(Violation {
                field: cut(field, MAX_TEXT),
                rule,
                message: cut(message, MAX_TEXT),
            });
        }
    }

    /// Adds those of another.
    pub fn append(&mut self, other: &Self) {
        let count = self.count + other.count;
        other.first.iter().cloned().for_each(|violation| self.push(violation));
        self.count = count;
    }

    /// How many there are, with those that were not kept.
    pub fn count(&self) -> usize {
        self.count
    }

    /// A message that names the first three and the number of further ones.
    pub fn summary(&self) -> String {
        let named: Vec<String> = self
            .iter()
            .take(3)
            .map(|violation| format!("{}: {}", violation.field, violation.message))
            .collect();
        let more = self.count - named.len();
        let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
        format!("{}{rest}", named.join("; "))
    }
}

impl Deref for Violations {
    type Target = [Violation];

    fn deref(&self) -> &[Violation] {
        &self.first
    }
}

impl DerefMut for Violations {
    fn deref_mut(&mut self) -> &mut [Violation] {
        &mut self.first
    }
}

impl From<Violation> for Violations {
    fn from(violation: Violation) -> Self {
        std::iter::once(violation).collect()
    }
}

impl FromIterator<Violation> for Violations {
    fn from_iter<I: IntoIterator<Item = Violation>>(violations: I) -> Self {
        let mut all = Self::default();
        violations.into_iter().for_each(|violation| all.push(violation));
        all
    }
}

/// The beginning of a text, of so many bytes at most; an ellipsis says that there was more.
pub fn cut(text: String, max_bytes: usize) -> String {
    const ELLIPSIS: &str = "…";
    if text.len() <= max_bytes {
        return text;
    }
    let end = text.floor_char_boundary(max_bytes.saturating_sub(ELLIPSIS.len()));
    format!("{}{ELLIPSIS}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(field: String) -> Violation {
        Violation { field, rule: "required", message: "is needed".to_owned() }
    }

    #[test]
    fn only_the_first_are_kept_and_all_are_counted() {
        let mut all: Violations = (0..60).map(|n| violation(format!("rows[{n}].sku"))).collect();
        assert_eq!((all.len(), all.count()), (50, 60));
        all.append(&all.clone());
        assert_eq!((all.len(), all.count()), (50, 120));
        assert_eq!(all[49].field, "rows[49].sku");
        assert!(all.summary().starts_with("rows[0].sku: is needed; rows[1].sku: is needed; "));
        assert!(all.summary().ends_with("; and 117 more"), "{}", all.summary());
    }

    #[test]
    fn what_is_echoed_is_cut_between_characters() {
        let all = Violations::from(violation("é".repeat(2_500)));
        assert!(all[0].field.len() <= 200 && all[0].field.ends_with("é…"), "{}", all[0].field);
        assert_eq!(cut("short".to_owned(), 5), "short");
        assert_eq!(cut("longer".to_owned(), 5), "lo…");
    }
}
