//! B01: the outbox while relays, writers, consumers and the servers are killed.

use super::shared::{self, Part, TIMEOUT};
use crate::figures;
use crate::fixture::{Fixture, SHARES, Setting};
use crate::history::Entry;
use crate::postgres::Postgres;
use crate::process::Role;
use crate::process::write::Load;
use crate::schedule::{self, Step};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::time::Duration;

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// Any process of a role.
    Process(Role),
    /// The broker.
    Broker,
    /// The database server.
    Postgres,
}

/// How large a run is.
#[derive(Debug, Clone)]
pub struct Scale {
    /// Events in all, less those of the quiet part.
    pub events: u64,
    /// Aggregates.
    pub keys: u64,
    /// What is killed how often.
    pub kills: Vec<(Victim, usize)>,
    /// Events a second of all writers together.
    pub rate: f64,
    /// Whether it has a database server of its own, and figures are compared with their targets. In the short tier they are only
    /// printed: other tests run on the same machine.
    pub full: bool,
}

impl Scale {
    /// 20 kills, 20,000 events.
    pub fn short() -> Self {
        let kills = kills([10, 4, 3, 3, 0]);
        Self { events: 20_000, keys: 500, kills, rate: 900.0, full: false }
    }

    /// 200 kills, 200,000 events; `part` of it.
    pub fn full(part: &Part) -> Self {
        let kills =
            kills([100, 50, 30, 0, 20].map(|count| if count > 0 { part.count(count) } else { 0 }));
        Self { events: part.of(200_000), keys: 2_000, kills, rate: 600.0, full: true }
    }
}

fn kills([relay, writer, broker, consumer, postgres]: [usize; 5]) -> Vec<(Victim, usize)> {
    vec![
        (Victim::Process(Role::Relay), relay),
        (Victim::Process(Role::Write), writer),
        (Victim::Process(Role::Consume), consumer),
        (Victim::Broker, broker),
        (Victim::Postgres, postgres),
    ]
}

/// Three relays, three writers, two consumers.
const WRITERS: u64 = 3;

/// Runs it.
pub async fn run(scale: &Scale, seed: u64, program: &Path) -> Result<()> {
    let mut server = if scale.full { Some(Postgres::start().await?) } else { None };
    let postgres = server.as_ref().map(Postgres::url);
    let setting = Setting { shares: SHARES - 1, postgres, ..Setting::of("b01", seed, program) };
    let mut fixture = Fixture::new(setting).await?;
    for _ in 0..3 {
        fixture.start_relay("")?;
    }
    for _ in 0..2 {
        fixture.start_consumer(&[], "")?;
    }
    fixture.phase("kills")?;
    let load = Load {
        keys: scale.keys,
        writers: 4,
        rate: Some(scale.rate / 3.0),
        ..Load::of(seed, scale.events / WRITERS)
    };
    for _ in 0..WRITERS {
        fixture.start_writer(&load, "")?;
    }
    let mut random = schedule::random(seed, "victims");
    let bar = shared::progress("kills", scale.kills.iter().map(|(_, count)| count).sum());
    // Each writer commits the same whole number.
    let events = scale.events / WRITERS * WRITERS;
    for Step { at, what } in schedule::spread(seed, &scale.kills, events) {
        fixture.until_committed(at, TIMEOUT).await?;
        match what {
            Victim::Broker => fixture.kill_broker().await?,
            Victim::Postgres => {
                if let Some(server) = &mut server {
                    fixture.record("kill", "postgres")?;
                    server.kill().await?;
                }
            }
            Victim::Process(role) => shared::kill_one(&fixture, role, &mut random).await?,
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    fixture.phase("after")?;
    fixture.quiet(TIMEOUT).await?;
    fixture.phase("quiet")?;
    let calm = Load { keys: scale.keys, rate: Some(200.0), ..Load::of(seed, 2_000) };
    fixture.start_writer(&calm, "")?;
    fixture.quiet(Duration::from_secs(120)).await?;
    fixture.phase("end")?;
    let history = fixture.finish().await?.is_as_promised()?;
    if let Some(server) = server {
        server.remove().await?;
    }
    let reached = figures(&history);
    if scale.full { reached } else { Ok(()) }
}

/// Longest time until something serves again.
const MAX_RECOVERY: Duration = Duration::from_secs(5);

/// Prints them and compares them with their targets.
fn figures(history: &[Entry]) -> Result<()> {
    let publishing = figures::publishing(history);
    let mut serving = vec![
        ("relay", publishing.clone()),
        ("broker", publishing.clone()),
        ("postgres", figures::committing(history, "")),
        ("consume", figures::handling(history)),
    ];
    // Writers do not take over from each other.
    for writer in ["write-0", "write-1", "write-2"] {
        serving.push((writer, figures::committing(history, writer)));
    }
    let mut slow = Vec::new();
    for (who, serves) in serving {
        let figures::Recovery { kills, took } = figures::recovery(history, who, serves);
        if kills == 0 {
            continue;
        }
        println!("  serving again after {kills} kills of {who}: {took}");
        if took.count < kills || took.max > MAX_RECOVERY {
            slow.push(who);
        }
    }
    let last = |entry: &Entry| match entry {
        Entry::Done { what, at, .. } if what == "kill" => Some(*at),
        _ => None,
    };
    let last_kill = history.iter().filter_map(last).max().context("nothing was killed")?;
    let quiet = figures::phase(history, "quiet").context("it was never quiet")?;
    let micros = |micros: i64| Duration::from_micros(micros.max(0).unsigned_abs());
    let stored = publishing.iter().filter(|at| **at < quiet.0).max();
    let emptied = micros(stored.map_or(0, |at| at - last_kill));
    println!("  last event of the kills published {emptied:.1?} after the last kill");
    let handled = micros(quiet.0 - last_kill);
    println!("  all handled {handled:.1?} after the last kill");
    let spread = figures::commit_to_stream(history, quiet);
    println!("  commit to stream while quiet: {spread}");
    println!("  commits whose outcome is unknown: {}", figures::unsure(history));
    for (consumer, ratio) in figures::deliveries(history) {
        println!("  deliveries for each event to {consumer}: {ratio:.3}");
    }
    ensure!(slow.is_empty(), "not serving again within {MAX_RECOVERY:?}: {slow:?}");
    ensure!(emptied <= Duration::from_secs(30), "what waited was published after {emptied:?}");
    ensure!(
        spread.count > 0 && spread.p99 <= Duration::from_millis(250),
        "commit to stream while quiet: {spread}"
    );
    Ok(())
}
