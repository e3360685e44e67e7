//! B04: the broker is away for longer than it knows ids, while everybody goes on writing.

use super::{PATIENCE, Part};
use crate::event::PUBLISHER;
use crate::figures;
use crate::process::Role;
use crate::process::say::Load;
use crate::state;
use crate::world::{SHARES, Setting, World};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::time::{Duration, Instant};

/// How large a run is.
#[derive(Debug, Clone)]
pub struct Scale {
    /// How long the broker is away.
    pub outage: Duration,
    /// Events a second.
    pub rate: u32,
    /// Events a second that the backlog has to be published with.
    pub drain: f64,
}

impl Scale {
    /// Ten minutes, 500 events a second; `part` of it.
    pub fn full(part: &Part) -> Self {
        Self { outage: Duration::from_secs(part.of(600)), rate: 500, drain: 3_000.0 }
    }
}

/// Younger than this is the oldest event that waits when there is no backlog.
pub(super) const CAUGHT_UP: &str = "
    select (coalesce((select extract(epoch from clock_timestamp() - created_at)
                      from outbox where published_at is null order by seq limit 1), 0) < 1)::int::bigint";

/// Runs it.
pub async fn run(scale: &Scale, seed: u64, program: &Path) -> Result<()> {
    let setting = Setting { shares: SHARES, ..Setting::of("b04", seed, program) };
    let mut world = World::new(setting).await?;
    for _ in 0..3 {
        world.relay("")?;
    }
    world.listen(&[], "")?;
    world.listen(&[], "")?;
    // More than the run can last: the writer is ended after it.
    let rate = Some(f64::from(scale.rate));
    let load = Load { writers: 16, keys: 2_000, rate, ..Load::of(seed, 100_000_000) };
    world.say(&load, "")?;
    world.phase("before")?;
    super::wait("all is well", Duration::from_secs(20)).await;
    world.phase("outage")?;
    world.done("kill", "broker")?;
    world.nats.kill().await?;
    super::wait("the broker is away", scale.outage).await;
    let backlog = world.ask(PUBLISHER, state::UNPUBLISHED).await?;
    world.phase("drain")?;
    let begun = Instant::now();
    world.nats.restart().await?;
    let published = "select count(*) from outbox where published_at is not null";
    let before = world.ask(PUBLISHER, published).await?;
    let caught_up = async || Ok(world.ask(PUBLISHER, CAUGHT_UP).await? == 1);
    // All that was published lies before the oldest that was not, in the index that the question goes through.
    let second = Duration::from_secs(1);
    world.until_every(second, "the backlog is published", PATIENCE, caught_up).await?;
    let took = begun.elapsed().as_secs_f64();
    let drained = world.ask(PUBLISHER, published).await? - before;
    world.phase("after")?;
    super::wait("all is well again", Duration::from_secs(20)).await;
    world.supervisor.take_down(Role::Say)?;
    world.quiet(PATIENCE).await?;
    let refused = world.ask(PUBLISHER, "select count(*) from outbox where attempts > 0").await?;
    let history = world.finish().await?.is_as_promised()?;
    let rate = f64::from(u32::try_from(drained).unwrap_or(u32::MAX)) / took;
    println!("  backlog of {backlog}, {drained} events published in {took:.1} s: {rate:.0}/s");
    let failed = figures::unsure(&history);
    println!("  commits that failed: {failed}; rows given up: {refused}");
    for part in ["before", "after"] {
        let within = figures::phase(&history, part).context("a part is missing")?;
        let spread = figures::commit_to_stream(&history, within);
        println!("  commit to stream {part}: {spread}");
    }
    ensure!(failed == 0, "{failed} commits failed because of the broker");
    ensure!(refused == 0, "{refused} rows were given up");
    ensure!(rate >= scale.drain, "the backlog was published with {rate:.0}/s");
    Ok(())
}
