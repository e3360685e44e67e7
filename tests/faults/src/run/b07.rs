//! B07: consumers are killed all the time.

use super::shared::{self, Part, TIMEOUT};
use crate::figures;
use crate::fixture::{Fixture, SHARES, Setting};
use crate::process::Role;
use crate::process::write::Load;
use crate::schedule::{self, Step};
use anyhow::{Result, ensure};
use std::path::Path;

/// How large a run is.
#[derive(Debug, Clone)]
pub struct Scale {
    /// Events in all.
    pub events: u64,
    /// Kills of any of the four consumers.
    pub kills: usize,
    /// Events a second.
    pub rate: f64,
}

impl Scale {
    /// 300 kills, 100,000 events; `part` of it.
    pub fn full(part: &Part) -> Self {
        Self { events: part.of(100_000), kills: part.count(300), rate: 400.0 }
    }
}

/// Most deliveries for each event.
const MAX_DELIVERIES: f64 = 1.3;

/// Runs it.
pub async fn run(scale: &Scale, seed: u64, program: &Path) -> Result<()> {
    let fixture =
        Fixture::new(Setting { shares: SHARES, ..Setting::of("b07", seed, program) }).await?;
    fixture.start_relay("")?;
    for _ in 0..4 {
        fixture.start_consumer(&[], "")?;
    }
    let load =
        Load { writers: 8, keys: 500, rate: Some(scale.rate), ..Load::of(seed, scale.events) };
    fixture.start_writer(&load, "")?;
    let steps = schedule::spread(seed, &[(Role::Consume, scale.kills)], scale.events);
    let mut random = schedule::random(seed, "victims");
    let bar = shared::progress("kills", scale.kills);
    for Step { at, what } in steps {
        fixture.until_committed(at, TIMEOUT).await?;
        shared::kill_one(&fixture, what, &mut random).await?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    fixture.quiet(TIMEOUT).await?;
    let history = fixture.finish().await?.is_as_promised()?;
    let handled = figures::recovery(&history, "consume", figures::handling(&history));
    println!("  handled again after {} kills: {}", handled.kills, handled.took);
    let deliveries = figures::deliveries(&history);
    ensure!(deliveries.len() == 2, "the deliveries to both consumers are not known");
    for (consumer, ratio) in deliveries {
        println!("  deliveries for each event to {consumer}: {ratio:.3}");
        ensure!(ratio <= MAX_DELIVERIES, "{consumer} needed {ratio:.3} deliveries for each event");
    }
    Ok(())
}
