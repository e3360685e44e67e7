//! B09: events come repeatedly and in any order, and every projection is as if they had come once and in order.

use super::shared::Part;
use crate::event::{self, fact};
use crate::fixture::{Fixture, Setting};
use crate::history::Version;
use crate::schedule;
use anyhow::Result;
use contracts::Fact;
use rand::Rng;
use std::path::Path;
use std::time::Duration;

/// Keys of one seed.
const KEYS: u64 = 12;

/// How large a run is.
#[derive(Debug, Clone)]
pub struct Scale {
    /// Histories, each with keys of its own.
    pub seeds: u64,
    /// Events of each.
    pub events: usize,
    /// How far an event may be moved from its place.
    pub window: usize,
}

impl Scale {
    /// Each event may come a thousand places from its own; `part` of twenty histories.
    pub fn full(part: &Part) -> Self {
        Self { seeds: part.of(20), events: 1_500, window: 1_000 }
    }

    /// That of the tests.
    pub fn short() -> Self {
        Self { seeds: 20, events: 150, window: 100 }
    }
}

/// Publishes the histories to two consumers.
pub async fn run(scale: &Scale, seed: u64, program: &Path) -> Result<()> {
    let fixture = Fixture::new(Setting::of("b09", seed, program)).await?;
    for _ in 0..2 {
        fixture.start_consumer(&[], "")?;
    }
    for seed in seed..seed + scale.seeds {
        fixture.raise_owner(&in_order(scale, seed)).await?;
        let published: Vec<Fact> = shuffled(scale, seed)
            .iter()
            .map(|event| fact(&event.key, event.version, None))
            .collect();
        fixture.publish(&published).await?;
    }
    fixture.quiet(Duration::from_secs(300)).await?;
    fixture.finish().await?.is_as_promised().map(|_| ())
}

/// The events of a seed in their owner's order.
fn in_order(scale: &Scale, seed: u64) -> Vec<Version> {
    let mut random = schedule::random(seed, "b09");
    let mut versions = vec![0; usize::try_from(KEYS).unwrap_or_default()];
    let mut events = Vec::with_capacity(scale.events);
    for _ in 0..scale.events {
        let number = random.random_range(0..versions.len());
        versions[number] += 1;
        let key = event::key(seed, u64::try_from(number).unwrap_or_default());
        events.push(Version { key, version: versions[number] });
    }
    events
}

/// The same as they are published: each one to five times, none further from its place than the window.
fn shuffled(scale: &Scale, seed: u64) -> Vec<Version> {
    let mut random = schedule::random(seed, "b09 delivery");
    let mut published = Vec::new();
    for (place, event) in in_order(scale, seed).into_iter().enumerate() {
        for _ in 0..random.random_range(1..=5) {
            published.push((place + random.random_range(0..scale.window), event.clone()));
        }
    }
    published.sort_by_key(|(place, _)| *place);
    published.into_iter().map(|(_, event)| event).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn all_events_come_repeatedly_and_out_of_order() {
        let scale = &Scale::short();
        let (events, published) = (in_order(scale, 7), shuffled(scale, 7));
        assert_eq!(published, shuffled(scale, 7));
        assert!(published.len() > events.len() * 2, "{}", published.len());
        let set = |events: &[Version]| events.iter().cloned().collect::<BTreeSet<_>>();
        assert_eq!(set(&events), set(&published));
        let first = events[0].key.clone();
        let versions: Vec<i64> = published
            .iter()
            .filter(|event| event.key == first)
            .map(|event| event.version)
            .collect();
        assert!(!versions.is_sorted(), "{versions:?}");
    }
}
