//! B01: the outbox while relays, writers, listeners and the broker are killed.

use super::PATIENCE;
use crate::figures;
use crate::history::Entry;
use crate::process::Role;
use crate::process::say::Load;
use crate::schedule::{self, Step};
use crate::world::{Setting, World};
use anyhow::{Result, ensure};
use rand::Rng;
use std::path::Path;
use std::time::Duration;

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// Any process of a role.
    Process(Role),
    /// The broker.
    Broker,
}

/// How large a run is.
#[derive(Debug, Clone)]
pub struct Scale {
    /// Events in all, less those of the quiet part.
    pub events: u64,
    /// Aggregates.
    pub keys: u64,
    /// Who is killed how often.
    pub kills: Vec<(Victim, usize)>,
    /// Events a second of all writers together.
    pub rate: f64,
    /// Share of the machine.
    pub shares: u32,
}

impl Scale {
    /// 20 kills, 20,000 events.
    pub fn short() -> Self {
        Self { events: 20_000, keys: 500, kills: kills(10, 4, 3, 3), rate: 900.0, shares: 3 }
    }

    /// 200 kills, 200,000 events.
    pub fn full() -> Self {
        Self { events: 200_000, keys: 2_000, kills: kills(100, 50, 30, 20), rate: 600.0, shares: 4 }
    }
}

fn kills(relays: usize, writers: usize, broker: usize, listeners: usize) -> Vec<(Victim, usize)> {
    vec![
        (Victim::Process(Role::Relay), relays),
        (Victim::Process(Role::Say), writers),
        (Victim::Process(Role::Listen), listeners),
        (Victim::Broker, broker),
    ]
}

/// Three relays, three writers, two listeners.
const WRITERS: u64 = 3;

/// Runs it.
pub async fn run(scale: &Scale, seed: u64, program: &Path) -> Result<()> {
    let setting = Setting { shares: scale.shares, ..Setting::of("b01", seed, program) };
    let mut world = World::new(setting).await?;
    for _ in 0..3 {
        world.relay("")?;
    }
    for _ in 0..2 {
        world.listen(&[], "")?;
    }
    world.phase("kills")?;
    let load = Load {
        keys: scale.keys,
        writers: 4,
        rate: Some(scale.rate / 3.0),
        ..Load::of(seed, scale.events / WRITERS)
    };
    for _ in 0..WRITERS {
        world.say(&load, "")?;
    }
    let mut random = schedule::random(seed, "victims");
    let bar = super::progress("kills", scale.kills.iter().map(|(_, count)| count).sum());
    for Step { at, what } in schedule::spread(seed, &scale.kills, scale.events) {
        world.until_said(at, PATIENCE).await?;
        match what {
            Victim::Broker => world.kill_broker().await?,
            Victim::Process(role) => {
                let names = world.supervisor.names(role);
                world.supervisor.kill(&names[random.random_range(0..names.len())])?;
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    world.phase("after")?;
    world.quiet(PATIENCE).await?;
    world.phase("quiet")?;
    let calm = Load { keys: scale.keys, rate: Some(200.0), ..Load::of(seed, 2_000) };
    world.say(&calm, "")?;
    world.quiet(Duration::from_secs(120)).await?;
    world.phase("end")?;
    let history = world.finish().await?.is_as_promised()?;
    figures(&history)
}

/// Prints them and compares them with what is to be reached.
fn figures(history: &[Entry]) -> Result<()> {
    let publishing = figures::publishing(history);
    let committing = figures::committing(history);
    let serving = [
        ("relay", figures::recovery(history, "relay", publishing.clone())),
        ("broker", figures::recovery(history, "broker", publishing.clone())),
        ("say", figures::recovery(history, "say", committing)),
        ("listen", figures::recovery(history, "listen", figures::handling(history))),
    ];
    for (who, spread) in &serving {
        println!("  serving again after a kill of {who}: {spread}");
    }
    let last = |entry: &Entry| match entry {
        Entry::Done { what, at, .. } if what == "kill" => Some(*at),
        _ => None,
    };
    let last_kill = history.iter().filter_map(last).max().unwrap_or_default();
    let quiet = figures::phase(history, "quiet").unwrap_or_default();
    let stored = publishing.iter().filter(|at| **at < quiet.0).max();
    let emptied = stored.map_or(0, |at| at - last_kill);
    println!("  last event of the kills published {:.1} s after the last kill", seconds(emptied));
    let spread = figures::commit_to_stream(history, quiet);
    println!("  commit to stream while quiet: {spread}");
    println!("  commits whose outcome nobody was told: {}", figures::unsure(history));
    for (consumer, ratio) in figures::deliveries(history) {
        println!("  deliveries for each event to {consumer}: {ratio:.3}");
    }
    for (who, spread) in serving {
        ensure!(spread.max <= Duration::from_secs(5), "{who} needed {:?} to serve", spread.max);
    }
    ensure!(spread.p99 <= Duration::from_millis(250), "commit to stream while quiet: {spread}");
    Ok(())
}

fn seconds(micros: i64) -> f64 {
    Duration::from_micros(micros.max(0).unsigned_abs()).as_secs_f64()
}
