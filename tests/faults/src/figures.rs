//! Figures of a run, from its history.

use crate::history::{Entry, Stored};
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

/// From the acknowledgement of a commit to its writer until the broker stored it, of what was committed within that time.
pub fn commit_to_stream(history: &[Entry], (from, to): (i64, i64)) -> Spread {
    let mut stored: HashMap<(&str, i64), i64> = HashMap::new();
    for Stored { key, version, at, .. } in history.iter().filter_map(stored_of) {
        stored.entry((key, *version)).or_insert(*at);
    }
    let mut took = Vec::new();
    for entry in history {
        let Entry::Committed { events, at, .. } = entry else { continue };
        if *at < from || to <= *at {
            continue;
        }
        let found =
            events.iter().filter_map(|event| stored.get(&(event.key.as_str(), event.version)));
        took.extend(found.map(|stored| stored - at));
    }
    Spread::of(took)
}

fn stored_of(entry: &Entry) -> Option<&Stored> {
    if let Entry::Stored(stored) = entry { Some(stored) } else { None }
}

/// Within this time after a kill, in microseconds, what was already in flight may arrive, which is no recovery.
const IN_FLIGHT: i64 = 100_000;

/// How long recovery took after kills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovery {
    /// How many there were.
    pub kills: usize,
    /// From each kill until something served, whatever else was killed meanwhile. Fewer than kills: something never did again.
    pub took: Spread,
}

/// The recovery after each kill of a process whose name begins so. `serves` are instants in microseconds at which something
/// served.
pub fn recovery(history: &[Entry], who: &str, mut serves: Vec<i64>) -> Recovery {
    serves.sort_unstable();
    let kill = |entry: &Entry| match entry {
        Entry::Done { what, who: killed, at } if what == "kill" && killed.starts_with(who) => {
            Some(*at)
        }
        _ => None,
    };
    let kills: Vec<i64> = history.iter().filter_map(kill).collect();
    let after =
        |at: i64| serves.get(serves.partition_point(|serves| *serves <= at + IN_FLIGHT)).copied();
    let took = Spread::of(kills.iter().filter_map(|at| Some(after(*at)? - at)));
    Recovery { kills: kills.len(), took }
}

/// When the broker stored something.
pub fn publishing(history: &[Entry]) -> Vec<i64> {
    history.iter().filter_map(stored_of).map(|stored| stored.at).collect()
}

/// When a commit of a process whose name begins so was acknowledged, or it had committed all.
pub fn committing(history: &[Entry], who: &str) -> Vec<i64> {
    let committed = |entry: &Entry| match entry {
        Entry::Committed { who: writer, at, .. } | Entry::WriterDone { who: writer, at, .. }
            if writer.starts_with(who) =>
        {
            Some(*at)
        }
        _ => None,
    };
    history.iter().filter_map(committed).collect()
}

/// When a consumer claimed an event.
pub fn handling(history: &[Entry]) -> Vec<i64> {
    let claimed =
        |entry: &Entry| if let Entry::Claim(claim) = entry { Some(claim.at) } else { None };
    history.iter().filter_map(claimed).collect()
}

/// Commits whose outcome is unknown.
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
        let committed = |key: &str, at| Entry::Committed {
            who: "write-0".into(),
            events: vec![Version { key: key.into(), version: 1 }],
            at,
        };
        let stored = |key: &str, at| {
            let (key, id) = (key.to_owned(), Some(key.to_owned()));
            Entry::Stored(Stored { position: 1, at, id, key, version: 1, mark: None })
        };
        let kill = |who: &str, at| Entry::Done { what: "kill".into(), who: who.into(), at };
        let phase_of = |name: &str, at| Entry::Phase { name: name.into(), at };
        let late = 15 + IN_FLIGHT + 7;
        let history = [
            stored("d", 16),
            stored("e", late),
            committed("a", 10),
            kill("relay-1", 15),
            phase_of("quiet", 20),
            committed("b", 30),
            phase_of("end", 40),
            committed("c", 50),
            stored("a", 17),
            stored("b", 37),
            stored("c", 57),
        ];
        let spread = commit_to_stream(&history, phase(&history, "quiet").unwrap());
        assert_eq!((spread.count, spread.max), (1, Duration::from_micros(7)));
        let served = recovery(&history, "relay", publishing(&history));
        assert_eq!((served.kills, served.took.count), (1, 1));
        assert_eq!(served.took.max.as_micros(), 100_007);
        assert_eq!(recovery(&history, "write", publishing(&history)), Recovery::default());
        // A writer is measured by its own commits, and one that never commits has no recovery.
        assert_eq!(committing(&history, "write-0"), [10, 30, 50]);
        let never = recovery(&history, "relay", committing(&history, "write-1"));
        assert_eq!((never.kills, never.took.count), (1, 0));
    }
}
