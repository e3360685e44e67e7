//! C2: each event has its effect once in each consumer: exactly one claim in its inbox and one effect, or a dead letter
//! where its mark demands one, and never both.

use super::{Verdict, Violation};
use crate::event::{Mark, PUBLISHER};
use crate::history::{Claim, DeadLetter, Entry, Stored};
use bus::streams;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// The consumer whose effects are counted and whose handler heeds marks; the other one's effect is the projection.
pub const COUNTING: &str = "search-from-pricing";
/// The consumer that keeps a projection.
pub const PROJECTING: &str = "catalog-from-pricing";

/// The phase that begins when the handlers are repaired and all dead letters are replayed.
pub const MENDED: &str = "mended";

/// What a history holds about one consumer.
struct Consumer<'a> {
    name: &'a str,
    claimed: HashSet<&'a str>,
    early: HashSet<&'a str>,
    dead_letters: HashSet<&'a str>,
    spoiled: HashSet<&'a str>,
    mended: bool,
}

/// Checks the effects.
pub fn check(history: &[Entry]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut events: BTreeMap<&str, &Stored> = BTreeMap::new();
    for entry in history {
        if let Entry::Stored(stored) = entry
            && let Some(id) = &stored.id
        {
            events.entry(id).or_insert(stored);
        }
    }
    let known = dead_letter_ids(history);
    for name in [COUNTING, PROJECTING] {
        let consumer = read(history, name, &mut verdict);
        claims(&consumer, &events, &known, &mut verdict);
        if name == COUNTING {
            effects(history, &consumer, &events, &mut verdict);
        }
    }
    verdict
}

/// An event has its id; a message without one is identified by its position in the stream.
fn dead_letter_ids(history: &[Entry]) -> HashSet<String> {
    let id = |entry: &Entry| match entry {
        Entry::Stored(Stored { id: Some(id), .. }) => Some(id.clone()),
        Entry::Stored(Stored { id: None, position, .. }) => {
            Some(format!("{}-{position}", streams::events(PUBLISHER)))
        }
        _ => None,
    };
    history.iter().filter_map(id).collect()
}

fn read<'a>(history: &'a [Entry], name: &'a str, verdict: &mut Verdict) -> Consumer<'a> {
    let mut found = Consumer {
        name,
        claimed: HashSet::new(),
        early: HashSet::new(),
        dead_letters: HashSet::new(),
        spoiled: HashSet::new(),
        mended: false,
    };
    for entry in history {
        match entry {
            Entry::Claim(Claim { consumer, id, .. }) if consumer == name => {
                let first = found.claimed.insert(id);
                if !first {
                    verdict.add(Violation::Doubled, || format!("{name} has claimed {id} twice"));
                }
            }
            Entry::Early { consumer, id } if consumer == name => _ = found.early.insert(id),
            Entry::DeadLetter(DeadLetter { consumer, id, .. }) if consumer == name => {
                let first = found.dead_letters.insert(id);
                if !first {
                    verdict.add(Violation::DeadLetter, || {
                        format!("{name} has two dead letters of {id}")
                    });
                }
            }
            Entry::Spoiled { consumer, id } if consumer == name => _ = found.spoiled.insert(id),
            Entry::Phase { name, .. } => found.mended |= name == MENDED,
            _ => {}
        }
    }
    found
}

impl Consumer<'_> {
    /// Whether its mark demands a dead letter.
    fn must_be_dead_letter(&self, id: &str, stored: &Stored) -> bool {
        if self.spoiled.contains(id) {
            return true;
        }
        match stored.mark.as_deref().and_then(|mark| mark.parse().ok()) {
            Some(Mark::Unreadable) => true,
            Some(Mark::Early) | None => false,
            Some(Mark::Bad | Mark::Broken | Mark::Kills | Mark::Away) => {
                self.name == COUNTING && !self.mended
            }
        }
    }
}

/// `known` are the ids that a dead letter can have.
fn claims(
    consumer: &Consumer,
    events: &BTreeMap<&str, &Stored>,
    known: &HashSet<String>,
    verdict: &mut Verdict,
) {
    let name = consumer.name;
    for (id, stored) in events {
        let of = || format!("{id} ({} v{})", stored.key, stored.version);
        match (consumer.claimed.contains(id), consumer.dead_letters.contains(id)) {
            (false, false) => {
                verdict.add(Violation::Lost, || format!("{name} never had {}", of()));
            }
            (true, true) => verdict.add(Violation::DeadLetter, || {
                format!("{name} has both an effect and a dead letter of {}", of())
            }),
            (true, false) if consumer.must_be_dead_letter(id, stored) => {
                verdict.add(Violation::DeadLetter, || {
                    format!("{name} has no dead letter of {}", of())
                });
            }
            (false, true) if !consumer.must_be_dead_letter(id, stored) => {
                verdict.add(Violation::DeadLetter, || {
                    format!("{name} has a dead letter of {}, a good event", of())
                });
            }
            _ => {}
        }
    }
    for id in consumer.claimed.iter().filter(|id| !events.contains_key(**id)) {
        verdict
            .add(Violation::Invented, || format!("{name} has claimed {id}, which is in no stream"));
    }
    for id in consumer.dead_letters.iter().filter(|id| !known.contains(**id)) {
        let invented = || format!("{name} has a dead letter of {id}, which is in no stream");
        verdict.add(Violation::Invented, invented);
    }
    for id in &consumer.early {
        verdict.add(Violation::Lost, || format!("{name} still waits with {id} for its key"));
    }
}

fn effects(
    history: &[Entry],
    consumer: &Consumer,
    events: &BTreeMap<&str, &Stored>,
    verdict: &mut Verdict,
) {
    let mut expected: HashMap<&str, u64> = HashMap::new();
    for (id, stored) in events {
        if !consumer.dead_letters.contains(id) {
            *expected.entry(&stored.key).or_default() += 1;
        }
    }
    let mut found: HashMap<&str, u64> = HashMap::new();
    for entry in history {
        if let Entry::Tally { key, count } = entry {
            *found.entry(key).or_default() += count;
        }
    }
    let keys: BTreeSet<&str> = expected.keys().chain(found.keys()).copied().collect();
    for key in keys {
        let of = |counts: &HashMap<&str, u64>| counts.get(key).copied().unwrap_or_default();
        let (expected, found) = (of(&expected), of(&found));
        let wrong = if found > expected { Violation::Doubled } else { Violation::Lost };
        if found != expected {
            verdict.add(wrong, || format!("{key} has {found} effects of {expected} events"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{good, mark};

    #[test]
    fn a_good_history_passes() {
        let verdict = check(&good());
        assert!(verdict.is_ok(), "{verdict} {:?}", verdict.examples());
    }

    #[test]
    fn an_event_without_a_claim_is_lost() {
        let mut history = good();
        history.retain(
            |entry| !matches!(entry, Entry::Claim(claim) if claim.consumer == PROJECTING && claim.id == "e2"),
        );
        let verdict = check(&history);
        assert_eq!(verdict.count(Violation::Lost), 1);
        assert!(verdict.examples()[0].contains("never had e2"), "{:?}", verdict.examples());
    }

    #[test]
    fn effects_are_compared_with_events() {
        for (counted, wrong) in [(3, Violation::Doubled), (1, Violation::Lost)] {
            let mut history = good();
            for entry in &mut history {
                if let Entry::Tally { key, count } = entry
                    && key == "a"
                {
                    *count = counted;
                }
            }
            assert_eq!(check(&history).count(wrong), 1);
        }
    }

    #[test]
    fn dead_letters_are_of_bad_events_only_and_of_all_of_them() {
        let dead_letter = |id: &str| {
            Entry::DeadLetter(DeadLetter {
                consumer: COUNTING.into(),
                id: id.into(),
                reason: "X".into(),
            })
        };
        let unclaim = |history: &mut Vec<Entry>| {
            history.retain(
                |entry| !matches!(entry, Entry::Claim(claim) if claim.consumer == COUNTING && claim.id == "e3"),
            );
            history.retain(|entry| !matches!(entry, Entry::Tally { key, .. } if key == "b"));
        };
        // A dead letter of a good event.
        let mut history = good();
        unclaim(&mut history);
        history.push(dead_letter("e3"));
        assert_eq!(check(&history).count(Violation::DeadLetter), 1);
        // The same event marked as bad: as it must be.
        mark(&mut history, "e3", Mark::Bad);
        assert!(check(&history).is_ok(), "{:?}", check(&history).examples());
        // About nothing.
        history.push(dead_letter("e9"));
        assert_eq!(check(&history).count(Violation::Invented), 1);
        history.pop();
        // Twice.
        history.push(dead_letter("e3"));
        assert_eq!(check(&history).count(Violation::DeadLetter), 1);
        // A bad one that had an effect.
        let mut history = good();
        mark(&mut history, "e3", Mark::Kills);
        assert_eq!(check(&history).count(Violation::DeadLetter), 1);
        // As it must be once the handler was mended.
        history.push(Entry::Phase { name: MENDED.into(), at: 9 });
        assert!(check(&history).is_ok(), "{:?}", check(&history).examples());
        // A dead letter beside an effect.
        history.push(dead_letter("e3"));
        assert!(check(&history).count(Violation::DeadLetter) >= 1);
    }

    #[test]
    fn an_event_that_waits_for_ever_is_lost() {
        let mut history = good();
        history.push(Entry::Early { consumer: PROJECTING.into(), id: "e3".into() });
        assert_eq!(check(&history).count(Violation::Lost), 1);
    }
}
