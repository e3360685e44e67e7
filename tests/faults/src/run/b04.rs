//! B04: the broker is away for longer than its duplicate window, while the writers go on.

use super::shared::{self, Part, TIMEOUT};
use crate::event::PUBLISHER;
use crate::figures;
use crate::fixture::{Fixture, SHARES, Setting};
use crate::process::Role;
use crate::process::write::Load;
use crate::state;
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
    let mut fixture = Fixture::new(setting).await?;
    for _ in 0..3 {
        fixture.start_relay("")?;
    }
    fixture.start_consumer(&[], "")?;
    fixture.start_consumer(&[], "")?;
    // More than the run can last: the writer is ended after it.
    let rate = Some(f64::from(scale.rate));
    let load = Load { writers: 16, keys: 2_000, rate, ..Load::of(seed, 100_000_000) };
    fixture.start_writer(&load, "")?;
    fixture.phase("before")?;
    shared::wait("all is well", Duration::from_secs(20)).await;
    fixture.phase("outage")?;
    fixture.record("kill", "broker")?;
    fixture.nats.kill().await?;
    shared::wait("the broker is away", scale.outage).await;
    let backlog = fixture.query(PUBLISHER, state::UNPUBLISHED).await?;
    fixture.phase("drain")?;
    let begun = Instant::now();
    fixture.nats.restart().await?;
    let published = "select count(*) from outbox where published_at is not null";
    let before = fixture.query(PUBLISHER, published).await?;
    let caught_up = async || Ok(fixture.query(PUBLISHER, CAUGHT_UP).await? == 1);
    // The index that this query reads has all published rows before the oldest unpublished one.
    let second = Duration::from_secs(1);
    fixture.until_every(second, "the backlog is published", TIMEOUT, caught_up).await?;
    let took = begun.elapsed().as_secs_f64();
    let drained = fixture.query(PUBLISHER, published).await? - before;
    fixture.phase("after")?;
    shared::wait("all is well again", Duration::from_secs(20)).await;
    fixture.supervisor.take_down(Role::Write)?;
    fixture.quiet(TIMEOUT).await?;
    let refused =
        fixture.query(PUBLISHER, "select count(*) from outbox where attempts > 0").await?;
    let history = fixture.finish().await?.is_as_promised()?;
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
