//! The broker loses all its data under load.

use super::shared::TIMEOUT;
use crate::event::{self, Mark, PUBLISHER, fact};
use crate::fixture::{Fixture, Setting};
use crate::process::Role;
use crate::process::write::Load;
use anyhow::{Result, ensure};
use std::path::Path;

/// Deletes the broker's data after half of the events are committed, and republishes all as an operator does.
pub async fn run(events: u64, seed: u64, program: &Path) -> Result<()> {
    let mut fixture = Fixture::new(Setting::of("lost", seed, program)).await?;
    for _ in 0..2 {
        fixture.start_relay("")?;
        fixture.start_consumer(&[], "")?;
    }
    let load = Load { writers: 4, rate: Some(300.0), ..Load::of(seed, events) };
    fixture.start_writer(&load, "")?;
    fixture.until_committed(events / 2, TIMEOUT).await?;
    fixture.phase(crate::check::c1::LOST)?;
    fixture.lose_broker().await?;
    let detected = "select count(*) from relay_state where lost_at is not null";
    let is_detected = async || Ok(fixture.query(PUBLISHER, detected).await? == 1);
    fixture.until("the loss is detected", TIMEOUT, is_detected).await?;
    // An event that fails after the loss is a dead letter too.
    fixture.commit(&[fact(&event::key(seed, 1_000), 1, Some(Mark::Bad))]).await?;
    fixture.start_republish("")?;
    fixture.quiet(TIMEOUT).await?;
    ensure!(fixture.query(PUBLISHER, detected).await? == 0, "the loss is still recorded");
    ensure!(fixture.supervisor.are_done(Role::Write), "not all is committed");
    fixture.finish().await?.is_as_promised().map(|_| ())
}
