//! B03: transactions that overlap, stay open and are rolled back leave gaps in the outbox, and nothing falls into one.

use super::shared::{self, Part, TIMEOUT};
use crate::databases::connect;
use crate::event::PUBLISHER;
use crate::figures::{commit_to_stream, phase};
use crate::fixture::{Fixture, SHARES, Setting};
use crate::process::Role;
use crate::process::write::Load;
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::time::Duration;

/// How large a run is.
#[derive(Debug, Clone)]
pub struct Scale {
    /// Events in all.
    pub events: u64,
    /// Writers at once.
    pub writers: u64,
    /// How long an unrelated transaction stays open.
    pub foreign: Duration,
}

impl Scale {
    /// 64 writers, 100,000 events; `part` of it.
    pub fn full(part: &Part) -> Self {
        let foreign = Duration::from_secs(part.of(60));
        Self { events: part.of(100_000), writers: 64, foreign }
    }
}

/// Runs it.
pub async fn run(scale: &Scale, seed: u64, program: &Path) -> Result<()> {
    let fixture =
        Fixture::new(Setting { shares: SHARES, ..Setting::of("b03", seed, program) }).await?;
    for _ in 0..3 {
        fixture.start_relay("")?;
    }
    fixture.start_consumer(&[], "")?;
    fixture.start_consumer(&[], "")?;
    let load = Load {
        writers: scale.writers,
        // So many that open transactions seldom meet: it is not about locks.
        keys: 20_000,
        per_commit: 39,
        open: 2_000,
        held: 5,
        rolled_back: 10,
        ..Load::of(seed, scale.events)
    };
    fixture.phase("overlapping")?;
    fixture.start_writer(&load, "")?;
    fixture.until_committed(scale.events / 2, TIMEOUT).await?;
    fixture.phase("foreign")?;
    let mut client = connect(&fixture.databases.url(PUBLISHER)).await?;
    let foreign = client.transaction().await?;
    foreign.execute("insert into aggregates (key, version) values ('foreign', 1)", &[]).await?;
    shared::wait("a foreign transaction is open", scale.foreign).await;
    foreign.rollback().await?;
    fixture.phase("overlapping again")?;
    fixture.quiet(TIMEOUT).await?;
    // As often as usual, with nothing open: what the others are compared with.
    fixture.phase("calm")?;
    fixture.start_writer(&Load { keys: 20_000, rate: Some(500.0), ..Load::of(seed, 5_000) }, "")?;
    fixture.quiet(TIMEOUT).await?;
    fixture.phase("end")?;
    ensure!(fixture.supervisor.are_done(Role::Write), "not all is committed");
    let history = fixture.finish().await?.is_as_promised()?;
    for part in ["overlapping", "foreign", "overlapping again", "calm"] {
        let spread =
            commit_to_stream(&history, phase(&history, part).context("a part is missing")?);
        println!("  commit to stream, {part}: {spread}");
        ensure!(
            spread.count > 0 && (part != "foreign" || spread.p99 <= Duration::from_millis(500)),
            "a foreign transaction holds events up: {spread}"
        );
    }
    Ok(())
}
