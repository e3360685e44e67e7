//! Which letters an operator means.

use super::letter::{Letter, timestamp};
use contracts::operations::v1::DeadLetterFilter;
use prost_types::Timestamp;

/// Whether the filter has no condition, and so means every letter.
pub fn is_empty(filter: &DeadLetterFilter) -> bool {
    *filter == DeadLetterFilter::default()
}

/// The subjects that can meet it: the broker looks for these, so that other letters are not even read.
pub(super) fn subject(filter: &DeadLetterFilter, service: &str) -> String {
    format!("dead.{service}.{}.{}", token(&filter.consumer), token(&filter.event_id))
}

/// What is no single token of a subject could mean other letters; [`meets`] then finds that none is meant.
fn token(text: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !text.is_empty() && text.chars().all(plain) { text } else { "*" }
}

/// Whether a letter meets all conditions.
pub(super) fn meets(filter: &DeadLetterFilter, letter: &Letter) -> bool {
    let is = |wanted: &String, found: &str| wanted.is_empty() || wanted == found;
    let instant = |at: &Timestamp| (at.seconds, at.nanos);
    let last = letter.last_at.map(timestamp);
    // A letter whose time cannot be read fits no time.
    let from = filter.from.is_none_or(|from| last.is_some_and(|at| instant(&at) >= instant(&from)));
    let to = filter.to.is_none_or(|to| last.is_some_and(|at| instant(&at) < instant(&to)));
    is(&filter.consumer, &letter.consumer)
        && is(&filter.event_id, &letter.letter_id)
        && is(&filter.reason, &letter.reason)
        && is(&filter.key, &letter.key())
        && from
        && to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_never_widens_what_is_meant() {
        let filter = |consumer: &str, event_id: &str| DeadLetterFilter {
            consumer: consumer.to_owned(),
            event_id: event_id.to_owned(),
            ..DeadLetterFilter::default()
        };
        let of = |consumer, event_id| subject(&filter(consumer, event_id), "search");
        assert_eq!(of("", ""), "dead.search.*.*");
        assert_eq!(of("search-from-x", "PRICING-4"), "dead.search.search-from-x.PRICING-4");
        assert_eq!(of("a.>", "*"), "dead.search.*.*");
        assert!(is_empty(&filter("", "")) && !is_empty(&filter("", "*")));
    }
}
