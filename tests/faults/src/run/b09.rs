//! B09: events come repeatedly and in any order, and every projection is as if they had come once and in order.

use crate::event::{self, fact};
use crate::history::Version;
use crate::schedule;
use crate::world::{Setting, World};
use anyhow::Result;
use contracts::Fact;
use rand::Rng;
use std::path::Path;
use std::time::Duration;

/// Events of one seed, and their keys.
const EVENTS: usize = 150;
const KEYS: u64 = 12;

/// How far an event may come from its place.
const WINDOW: usize = 100;

/// Publishes the histories of so many seeds, each with keys of its own, to two listeners.
pub async fn run(seeds: u64, seed: u64, program: &Path) -> Result<()> {
    let world = World::new(Setting::of("b09", seed, program)).await?;
    for _ in 0..2 {
        world.listen(&[], "")?;
    }
    for seed in seed..seed + seeds {
        world.own(&said(seed)).await?;
        let come: Vec<Fact> =
            shuffled(seed).iter().map(|said| fact(&said.key, said.version, None)).collect();
        world.publish(&come).await?;
    }
    world.quiet(Duration::from_secs(300)).await?;
    world.finish().await?.is_as_promised().map(|_| ())
}

/// The events of a seed as their owner said them.
fn said(seed: u64) -> Vec<Version> {
    let mut random = schedule::random(seed, "b09");
    let mut versions = vec![0; usize::try_from(KEYS).unwrap_or_default()];
    let mut said = Vec::with_capacity(EVENTS);
    for _ in 0..EVENTS {
        let number = random.random_range(0..versions.len());
        versions[number] += 1;
        let key = event::key(seed, u64::try_from(number).unwrap_or_default());
        said.push(Version { key, version: versions[number] });
    }
    said
}

/// The same as they come: each one to five times, none further from its place than the window.
fn shuffled(seed: u64) -> Vec<Version> {
    let mut random = schedule::random(seed, "b09 delivery");
    let mut come = Vec::new();
    for (place, event) in said(seed).into_iter().enumerate() {
        for _ in 0..random.random_range(1..=5) {
            come.push((place + random.random_range(0..WINDOW), event.clone()));
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
        let (said, come) = (said(7), shuffled(7));
        assert_eq!(come, shuffled(7));
        assert!(come.len() > said.len() * 2, "{}", come.len());
        let set = |events: &[Version]| events.iter().cloned().collect::<BTreeSet<_>>();
        assert_eq!(set(&said), set(&come));
        let first = said[0].key.clone();
        let versions: Vec<i64> =
            come.iter().filter(|come| come.key == first).map(|come| come.version).collect();
        assert!(!versions.is_sorted(), "{versions:?}");
    }
}
