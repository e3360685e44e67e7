//! B09: events come repeatedly and in any order, and every projection is as if they had come once and in order.

use super::Part;
use crate::event::{self, fact};
use crate::history::Version;
use crate::schedule;
use crate::world::{Setting, World};
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
    /// How far an event may come from its place.
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

/// Publishes the histories to two listeners.
pub async fn run(scale: &Scale, seed: u64, program: &Path) -> Result<()> {
    let world = World::new(Setting::of("b09", seed, program)).await?;
    for _ in 0..2 {
        world.listen(&[], "")?;
    }
    for seed in seed..seed + scale.seeds {
        world.own(&said(scale, seed)).await?;
        let come: Vec<Fact> =
            shuffled(scale, seed).iter().map(|said| fact(&said.key, said.version, None)).collect();
        world.publish(&come).await?;
    }
    world.quiet(Duration::from_secs(300)).await?;
    world.finish().await?.is_as_promised().map(|_| ())
}

/// The events of a seed as their owner said them.
fn said(scale: &Scale, seed: u64) -> Vec<Version> {
    let mut random = schedule::random(seed, "b09");
    let mut versions = vec![0; usize::try_from(KEYS).unwrap_or_default()];
    let mut said = Vec::with_capacity(scale.events);
    for _ in 0..scale.events {
        let number = random.random_range(0..versions.len());
        versions[number] += 1;
        let key = event::key(seed, u64::try_from(number).unwrap_or_default());
        said.push(Version { key, version: versions[number] });
    }
    said
}

/// The same as they come: each one to five times, none further from its place than the window.
fn shuffled(scale: &Scale, seed: u64) -> Vec<Version> {
    let mut random = schedule::random(seed, "b09 delivery");
    let mut come = Vec::new();
    for (place, event) in said(scale, seed).into_iter().enumerate() {
        for _ in 0..random.random_range(1..=5) {
            come.push((place + random.random_range(0..scale.window), event.clone()));
        }
    }
    come.sort_by_key(|(place, _)| *place);
    come.into_iter().map(|(_, event)| event).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn all_events_come_repeatedly_and_out_of_order() {
        let scale = &Scale::short();
        let (said, come) = (said(scale, 7), shuffled(scale, 7));
        assert_eq!(come, shuffled(scale, 7));
        assert!(come.len() > said.len() * 2, "{}", come.len());
        let set = |events: &[Version]| events.iter().cloned().collect::<BTreeSet<_>>();
        assert_eq!(set(&said), set(&come));
        let first = said[0].key.clone();
        let versions: Vec<i64> =
            come.iter().filter(|come| come.key == first).map(|come| come.version).collect();
        assert!(!versions.is_sorted(), "{versions:?}");
    }
}
