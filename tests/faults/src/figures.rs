//! Figures of a run, from its history.

use crate::history::{Entry, Stored};
use crate::points::LEADS;
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

/// How long something took, for most of many times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spread {
    /// How many there are.
    pub count: usize,
    /// Half of them took at most this long.
    pub p50: Duration,
    /// Of a hundred 95 took at most this long.
    pub p95: Duration,
    /// Of a hundred 99 took at most this long.
    pub p99: Duration,
    /// None took longer.
    pub max: Duration,
}

impl Spread {
    /// Of these, in microseconds.
    pub fn of(micros: impl IntoIterator<Item = i64>) -> Self {
        let mut sorted: Vec<u64> =
            micros.into_iter().map(|micros| u64::try_from(micros).unwrap_or_default()).collect();
        sorted.sort_unstable();
        let at = |percent: usize| {
            let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            Duration::from_micros(sorted.get(index).copied().unwrap_or_default())
        };
        Self { count: sorted.len(), p50: at(50), p95: at(95), p99: at(99), max: at(100) }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let (p50, p95, p99, max) = (ms(self.p50), ms(self.p95), ms(self.p99), ms(self.max));
        write!(f, "p50={p50:.1} p95={p95:.1} p99={p99:.1} max={max:.1} ms (of {})", self.count)
    }
}

/// When a part of the run began and when the next one did.
pub fn phase(history: &[Entry], wanted: &str) -> Option<(i64, i64)> {
    let mut phases = history.iter().filter_map(|entry| match entry {
        Entry::Phase { name, at } => Some((name.as_str(), *at)),
        _ => None,
    });
    let (_, begun) = phases.find(|(name, _)| *name == wanted)?;
    Some((begun, phases.next().map_or(i64::MAX, |(_, at)| at)))
}

/// From the moment at which a writer knew that its commit had happened to the moment at which the broker had it, of what
/// was committed within that time.
pub fn commit_to_stream(history: &[Entry], (from, to): (i64, i64)) -> Spread {
    let mut stored: HashMap<(&str, i64), i64> = HashMap::new();
    for Stored { key, version, at, .. } in history.iter().filter_map(stored_of) {
        stored.entry((key, *version)).or_insert(*at);
    }
    let mut took = Vec::new();
    for entry in history {
        let Entry::Said { events, at, .. } = entry else { continue };
        if *at < from || to <= *at {
            continue;
        }
        let found = events.iter().filter_map(|said| stored.get(&(said.key.as_str(), said.version)));
        took.extend(found.map(|stored| stored - at));
    }
    Spread::of(took)
}

fn stored_of(entry: &Entry) -> Option<&Stored> {
    if let Entry::Stored(stored) = entry { Some(stored) } else { None }
}

/// What was on its way when somebody was killed comes within this time, in microseconds, and shows nothing.
const ON_ITS_WAY: i64 = 100_000;

/// What became of the kills of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovery {
    /// How many there were. Fewer times than kills: something never served again.
    pub kills: usize,
    /// The longest time of each outage in which nothing served although nothing more was killed.
    pub undisturbed: Spread,
    /// From each kill until something served, whatever was killed meanwhile.
    pub whole: Spread,
}

/// What became of each kill of one of those whose names begin so. `serves` are instants in microseconds at which something
/// served; `disturbed` are those of the kills without whose victims nothing can serve.
pub fn recovery(history: &[Entry], who: &str, disturbed: &[i64], mut serves: Vec<i64>) -> Recovery {
    serves.sort_unstable();
    let mut found = Recovery::default();
    let (mut undisturbed, mut whole) = (Vec::new(), Vec::new());
    for (_, kill) in kills(history).filter(|(killed, _)| killed.starts_with(who)) {
        found.kills += 1;
        let served_after = |at: i64| {
            serves.get(serves.partition_point(|serves| *serves <= at + ON_ITS_WAY)).copied()
        };
        let (mut from, mut longest) = (kill, 0);
        while let Some(served) = served_after(from) {
            let again = disturbed.iter().filter(|at| (from + 1..served).contains(at)).min();
            longest = longest.max(again.unwrap_or(&served) - from);
            let Some(again) = again else {
                undisturbed.push(longest);
                whole.push(served - kill);
                break;
            };
            from = *again;
        }
    }
    (found.undisturbed, found.whole) = (Spread::of(undisturbed), Spread::of(whole));
    found
}

/// Who was killed and when.
fn kills(history: &[Entry]) -> impl Iterator<Item = (&str, i64)> {
    history.iter().filter_map(|entry| match entry {
        Entry::Done { what, who, at } if what == "kill" => Some((who.as_str(), *at)),
        _ => None,
    })
}

/// When the database server was killed.
pub fn database_killed(history: &[Entry]) -> Vec<i64> {
    kills(history).filter(|(who, _)| *who == "postgres").map(|(_, at)| at).collect()
}

/// When somebody was killed without whom nothing is published: a server, or the relay that led.
pub fn publishing_stopped(history: &[Entry]) -> Vec<i64> {
    let leader = |at: i64| {
        let led = history.iter().filter_map(|entry| match entry {
            Entry::Hit { who, point, at: led } if point == LEADS && *led <= at => Some((led, who)),
            _ => None,
        });
        led.max().map(|(_, who)| who.as_str())
    };
    let stops = |who: &str, at| ["broker", "postgres"].contains(&who) || leader(at) == Some(who);
    kills(history).filter(|(who, at)| stops(who, *at)).map(|(_, at)| at).collect()
}

/// When the broker stored something.
pub fn publishing(history: &[Entry]) -> Vec<i64> {
    history.iter().filter_map(stored_of).map(|stored| stored.at).collect()
}

/// When a process whose name begins so was told of a commit, or had said all.
pub fn committing(history: &[Entry], who: &str) -> Vec<i64> {
    let said = |entry: &Entry| match entry {
        Entry::Said { who: said, at, .. } | Entry::Wrote { who: said, at, .. }
            if said.starts_with(who) =>
        {
            Some(*at)
        }
        _ => None,
    };
    history.iter().filter_map(said).collect()
}

/// When a consumer claimed an event.
pub fn handling(history: &[Entry]) -> Vec<i64> {
    let claimed =
        |entry: &Entry| if let Entry::Claim(claim) = entry { Some(claim.at) } else { None };
    history.iter().filter_map(claimed).collect()
}

/// Commits whose writers were not told what became of them.
pub fn unsure(history: &[Entry]) -> usize {
    history.iter().filter(|entry| matches!(entry, Entry::Unsure { .. })).count()
}

/// How many deliveries each consumer had for each event.
pub fn deliveries(history: &[Entry]) -> Vec<(String, f64)> {
    let events = history.iter().filter_map(stored_of).count().max(1);
    let float = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let events = float(u64::try_from(events).unwrap_or(u64::MAX));
    let delivered = |entry: &Entry| match entry {
        Entry::Delivered { consumer, count } => Some((consumer.clone(), float(*count) / events)),
        _ => None,
    };
    history.iter().filter_map(delivered).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Version;

    #[test]
    fn a_spread_is_of_what_was_measured() {
        let spread = Spread::of((1..=100).map(|ms| ms * 1000));
        let ms = |time: Duration| time.as_millis();
        assert_eq!([spread.p50, spread.p95, spread.p99, spread.max].map(ms), [50, 95, 99, 100]);
        assert_eq!(Spread::of([]), Spread::default());
    }

    #[test]
    fn latency_is_of_its_phase_and_recovery_of_those_that_were_killed() {
        let said = |key: &str, at| Entry::Said {
            who: "say-0".into(),
            events: vec![Version { key: key.into(), version: 1 }],
            at,
        };
        let stored = |key: &str, at| {
            let (key, id) = (key.to_owned(), Some(key.to_owned()));
            Entry::Stored(Stored { position: 1, at, id, key, version: 1, mark: None })
        };
        let kill = |who: &str, at| Entry::Done { what: "kill".into(), who: who.into(), at };
        let phase_of = |name: &str, at| Entry::Phase { name: name.into(), at };
        let late = 15 + ON_ITS_WAY + 7;
        let history = [
            stored("d", 16),
            stored("e", late),
            said("a", 10),
            kill("relay-1", 15),
            phase_of("quiet", 20),
            said("b", 30),
            phase_of("end", 40),
            said("c", 50),
            stored("a", 17),
            stored("b", 37),
            stored("c", 57),
        ];
        let spread = commit_to_stream(&history, phase(&history, "quiet").unwrap());
        assert_eq!((spread.count, spread.max), (1, Duration::from_micros(7)));
        let served = recovery(&history, "relay", &[], publishing(&history));
        assert_eq!((served.kills, served.whole.max.as_micros()), (1, 100_007));
        assert_eq!(served.undisturbed, served.whole);
        assert_eq!(recovery(&history, "say", &[], publishing(&history)), Recovery::default());
    }

    #[test]
    fn an_outage_counts_as_a_whole_and_by_its_longest_time_without_another_kill() {
        let second = 1_000_000;
        let kill = |who: &str, at| Entry::Done { what: "kill".into(), who: who.into(), at };
        let leads = |who: &str, at| Entry::Hit { who: who.into(), point: LEADS.into(), at };
        let history = [
            leads("relay-1", 5 * second),
            kill("relay-1", 10 * second),
            kill("broker", 13 * second),
            // It stood by, and nothing depends on a writer.
            kill("relay-3", 15 * second),
            kill("say-1", 16 * second),
            kill("postgres", 20 * second),
            leads("relay-2", 21 * second),
            kill("relay-2", 30 * second),
        ];
        let stopped = publishing_stopped(&history);
        assert_eq!(stopped, [10, 13, 20, 30].map(|seconds| seconds * second));
        assert_eq!(database_killed(&history), [20 * second]);
        let took = |who, serves: &[i64]| {
            let serves = serves.iter().map(|seconds| seconds * second).collect();
            let found = recovery(&history, who, &stopped, serves);
            let seconds = |spread: Spread| (spread.count, spread.max.as_secs());
            (found.kills, seconds(found.undisturbed), seconds(found.whole))
        };
        // Served between all kills: each counts by itself.
        assert_eq!(took("relay-1", &[12, 19, 24, 31]), (1, (1, 2), (1, 2)));
        assert_eq!(took("broker", &[12, 19, 24, 31]), (1, (1, 6), (1, 6)));
        // Not served before the next kill: the times between count, also the one before that kill.
        assert_eq!(took("relay-1", &[24, 33]), (1, (1, 7), (1, 14)));
        assert_eq!(took("broker", &[24, 33]), (1, (1, 7), (1, 11)));
        assert_eq!(took("postgres", &[24, 33]), (1, (1, 4), (1, 4)));
        // Never again.
        assert_eq!(took("relay-2", &[24]), (1, (0, 0), (0, 0)));
    }
}
