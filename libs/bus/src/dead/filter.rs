//! Which dead letters an operator selects.

use super::dead_letter::DeadLetter;
use contracts::operations::v1::DeadLetterFilter;
use convert::timestamp;
use prost_types::Timestamp;

/// Whether the filter has no condition, and so selects every dead letter.
pub fn is_empty(filter: &DeadLetterFilter) -> bool {
    *filter == DeadLetterFilter::default()
}

/// The subjects that can match: the broker filters by them, so that other dead letters are not even read.
pub(super) fn subject(filter: &DeadLetterFilter, service: &str) -> String {
    format!("dead.{service}.{}.{}", token(&filter.consumer), token(&filter.event_id))
}

/// What is no single token of a subject could select other dead letters; [`matches`] then finds that none is selected.
fn token(text: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !text.is_empty() && text.chars().all(plain) { text } else { "*" }
}

/// Whether a dead letter meets all conditions.
pub(super) fn matches(filter: &DeadLetterFilter, dead_letter: &DeadLetter) -> bool {
    let is = |wanted: &String, found: &str| wanted.is_empty() || wanted == found;
    let instant = |at: &Timestamp| (at.seconds, at.nanos);
    let last = dead_letter.last_at.map(timestamp);
    // A dead letter whose time cannot be read matches no time.
    let from = filter.from.is_none_or(|from| last.is_some_and(|at| instant(&at) >= instant(&from)));
    let to = filter.to.is_none_or(|to| last.is_some_and(|at| instant(&at) < instant(&to)));
    is(&filter.consumer, &dead_letter.consumer)
        && is(&filter.event_id, &dead_letter.event_id)
        && is(&filter.reason, &dead_letter.reason)
        && is(&filter.key, &dead_letter.key())
        && from
        && to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_never_widens_the_selection() {
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
