//! The broker loses all that it had, while everybody is at work.

use super::PATIENCE;
use crate::event::{self, Mark, PUBLISHER, fact};
use crate::process::Role;
use crate::process::say::Load;
use crate::world::{Setting, World};
use anyhow::{Result, ensure};
use std::path::Path;

/// Deletes the broker's data after half of the events were said, and publishes all again as an operator does.
pub async fn run(events: u64, seed: u64, program: &Path) -> Result<()> {
    let mut world = World::new(Setting::of("lost", seed, program)).await?;
    for _ in 0..2 {
        world.relay("")?;
        world.listen(&[], "")?;
    }
    let load = Load { writers: 4, rate: Some(300.0), ..Load::of(seed, events) };
    world.say(&load, "")?;
    world.until_said(events / 2, PATIENCE).await?;
    world.phase(crate::check::c1::LOST)?;
    world.lose_broker().await?;
    let noticed = "select count(*) from relay_state where lost_at is not null";
    let is_noticed = async || Ok(world.ask(PUBLISHER, noticed).await? == 1);
    world.until("the loss is noticed", PATIENCE, is_noticed).await?;
    // What goes wrong after the loss is kept too.
    world.commit(&[fact(&event::key(seed, 1_000), 1, Some(Mark::Bad))]).await?;
    world.republish("")?;
    world.quiet(PATIENCE).await?;
    ensure!(world.ask(PUBLISHER, noticed).await? == 0, "the loss is still remembered");
    ensure!(world.supervisor.are_done(Role::Say), "not all is said");
    world.finish().await?.is_as_promised().map(|_| ())
}
