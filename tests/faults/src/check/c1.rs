//! C1: every acknowledged commit is in the outbox, every committed event is in the stream, and per key the stream holds
//! the versions 1, 2, 3 … in this order, repetitions of the same event left out.

use super::{Verdict, Violation};
use crate::event::Mark;
use crate::history::{Entry, OutboxRow, Stored};
use std::collections::{HashMap, HashSet};

/// The broker's duplicate window, in microseconds.
const DUPLICATE_WINDOW: i64 = 120_000_000;

/// The phase that begins when the broker has lost its data: what an operator publishes again comes after what was published since.
pub const LOST: &str = "lost";

/// Checks what was published.
pub fn check(history: &[Entry]) -> Verdict {
    let mut verdict = Verdict::default();
    let outbox: Vec<&OutboxRow> = history.iter().filter_map(row).collect();
    // Runs that write into the stream themselves have no outbox to compare it with.
    if outbox.is_empty() && !history.iter().any(|entry| matches!(entry, Entry::Committed { .. })) {
        return verdict;
    }
    let stream: Vec<&Stored> = history.iter().filter_map(readable).collect();
    committed(history, &outbox, &mut verdict);
    published(&outbox, &stream, &mut verdict);
    let is_lost = |entry: &Entry| matches!(entry, Entry::Phase { name, .. } if name == LOST);
    once(&stream, &mut verdict);
    if !history.iter().any(is_lost) {
        in_order(&stream, &mut verdict);
    }
    verdict
}

fn row(entry: &Entry) -> Option<&OutboxRow> {
    if let Entry::Outbox(row) = entry { Some(row) } else { None }
}

/// A message that a relay may have published: those that cannot be read are the run's own.
fn readable(entry: &Entry) -> Option<&Stored> {
    let Entry::Stored(stored) = entry else { return None };
    let unreadable = Mark::Unreadable.to_string();
    (stored.mark.as_ref() != Some(&unreadable)).then_some(stored)
}

fn committed(history: &[Entry], outbox: &[&OutboxRow], verdict: &mut Verdict) {
    let rows: HashSet<(&str, i64)> =
        outbox.iter().map(|row| (row.key.as_str(), row.version)).collect();
    for entry in history {
        if let Entry::WriterDone { who, events, of, .. } = entry
            && events != of
        {
            let violation = if events > of { Violation::Doubled } else { Violation::Lost };
            verdict.add(violation, || {
                format!("{who} was to commit {of} events and committed {events}")
            });
        }
        let Entry::Committed { events, .. } = entry else { continue };
        for committed in events {
            if !rows.contains(&(committed.key.as_str(), committed.version)) {
                verdict.add(Violation::Lost, || {
                    format!(
                        "{} v{} was acknowledged but is not in the outbox",
                        committed.key, committed.version
                    )
                });
            }
        }
    }
}

fn published(outbox: &[&OutboxRow], stream: &[&Stored], verdict: &mut Verdict) {
    let ids: HashSet<&str> = stream.iter().filter_map(|stored| stored.id.as_deref()).collect();
    let known: HashSet<&str> = outbox.iter().map(|row| row.id.as_str()).collect();
    for row in outbox {
        let of = || format!("{} ({} v{})", row.id, row.key, row.version);
        if !ids.contains(row.id.as_str()) {
            verdict.add(Violation::Lost, || format!("{} is not in the stream", of()));
        } else if !row.published {
            verdict.add(Violation::Lost, || format!("{} was never marked as published", of()));
        }
    }
    for stored in stream {
        if let Some(id) = stored.id.as_deref().filter(|id| !known.contains(id)) {
            verdict.add(Violation::Invented, || {
                format!("{id} at {} of the stream is in no outbox", stored.position)
            });
        }
    }
}

/// The broker drops duplicates.
fn once(stream: &[&Stored], verdict: &mut Verdict) {
    let mut seen: HashMap<&str, i64> = HashMap::new();
    for stored in stream {
        let Some(id) = stored.id.as_deref() else { continue };
        let before = seen.insert(id, stored.at);
        if before.is_some_and(|before| stored.at - before < DUPLICATE_WINDOW) {
            let again = || format!("{id} again at {} of the stream", stored.position);
            verdict.add(Violation::Twice, again);
        }
    }
}

fn in_order(stream: &[&Stored], verdict: &mut Verdict) {
    let mut last: HashMap<&str, i64> = HashMap::new();
    let mut seen: HashSet<&str> = HashSet::new();
    for stored in stream {
        let Some(id) = stored.id.as_deref() else { continue };
        if !seen.insert(id) {
            continue;
        }
        let last = last.entry(&stored.key).or_default();
        if stored.version != *last + 1 {
            verdict.add(Violation::Disordered, || {
                format!(
                    "{} v{} follows v{last} at {} of the stream",
                    stored.key, stored.version, stored.position
                )
            });
        }
        *last = stored.version;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{good, stored_of};

    #[test]
    fn a_good_history_passes() {
        let verdict = check(&good());
        assert!(verdict.is_ok(), "{verdict} {:?}", verdict.examples());
    }

    #[test]
    fn an_acknowledged_commit_that_is_gone_is_lost() {
        let mut history = good();
        history.retain(|entry| !matches!(entry, Entry::Outbox(row) if row.seq == 2));
        let verdict = check(&history);
        assert_eq!((verdict.count(Violation::Lost), verdict.count(Violation::Invented)), (1, 1));
    }

    #[test]
    fn a_commit_that_happened_twice_or_never_is_found() {
        for (events, wrong) in
            [(3, None), (4, Some(Violation::Doubled)), (2, Some(Violation::Lost))]
        {
            let mut history = good();
            history.push(Entry::WriterDone { who: "write-0".into(), events, of: 3, at: 9 });
            let verdict = check(&history);
            assert_eq!(verdict.is_ok(), wrong.is_none());
            assert!(wrong.is_none_or(|wrong| verdict.count(wrong) == 1));
        }
    }

    #[test]
    fn a_committed_event_that_is_not_in_the_stream_is_lost() {
        let mut history = good();
        history.retain(|entry| !matches!(entry, Entry::Stored(stored) if stored.position == 3));
        assert_eq!(check(&history).count(Violation::Lost), 1);
    }

    #[test]
    fn an_event_that_is_not_marked_as_published_is_found() {
        let mut history = good();
        for entry in &mut history {
            if let Entry::Outbox(row) = entry {
                row.published = row.seq != 3;
            }
        }
        assert_eq!(check(&history).count(Violation::Lost), 1);
    }

    #[test]
    fn versions_in_another_order_are_found() {
        let mut history = good();
        let [first, second] = [1, 2].map(|position| stored_of(&history, position));
        history.swap(first, second);
        assert_eq!(check(&history).count(Violation::Disordered), 2);
    }

    #[test]
    fn an_event_stored_twice_is_found_while_the_broker_knows_its_id() {
        for (later, twice) in [(DUPLICATE_WINDOW - 1, 1), (DUPLICATE_WINDOW, 0)] {
            let mut history = good();
            let again = history[stored_of(&history, 1)].clone();
            let Entry::Stored(mut again) = again else { unreachable!() };
            (again.position, again.at) = (9, again.at + later);
            history.push(Entry::Stored(again));
            let verdict = check(&history);
            assert_eq!(verdict.count(Violation::Twice), twice);
            assert_eq!(verdict.is_ok(), twice == 0);
            // After a loss too.
            history.push(Entry::Phase { name: LOST.into(), at: 5 });
            assert_eq!(check(&history).count(Violation::Twice), twice);
        }
    }
}
