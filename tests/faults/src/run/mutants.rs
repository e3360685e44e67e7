//! Each safeguard taken away once: the checkers have to notice. What they would not notice they could not promise.

use crate::check::Wrong;
use crate::event::{self, fact, updated};
use crate::history::Version;
use crate::process::say::Load;
use crate::world::{Finished, Setting, World};
use anyhow::{Result, ensure};
use bus::streams;
use contracts::Fact;
use std::path::Path;
use std::time::Duration;

/// Far more than anything takes: a busy machine is no failure.
const PATIENCE: Duration = Duration::from_secs(120);

/// Without the claim in the inbox an event that comes again has its effect again.
pub async fn inbox(seed: u64, program: &Path) -> Result<()> {
    let world = World::new(Setting::of("mutants-inbox", seed, program)).await?;
    let key = event::key(seed, 1);
    world.own(&[Version { key: key.clone(), version: 2 }]).await?;
    world.make_stream().await?;
    world.listen(&[], "inbox=off")?;
    for _ in 0..2 {
        world.publish(&[1, 2].map(|version| fact(&key, version, None))).await?;
        // What comes twice at once is one event anyway.
        world.quiet(PATIENCE).await?;
    }
    noticed(world.finish().await?, Wrong::Doubled)
}

/// With the acknowledgement before the commit a listener that dies between them loses effects.
pub async fn ack_after_commit(seed: u64, program: &Path) -> Result<()> {
    let world = World::new(Setting::of("mutants-ack", seed, program)).await?;
    world.relay("")?;
    world.say(&Load { keys: 10, ..Load::of(seed, 100) }, "")?;
    world.listen(&[], "ack-after-commit=off;consumer.handled=abort@2")?;
    world.quiet(PATIENCE).await?;
    let finished = world.finish().await?;
    ensure!(finished.was_hit("consumer.handled"), "the listener did not die");
    noticed(finished, Wrong::Lost)
}

/// Without the version guard a projection goes back when events come late.
pub async fn version_guard(seed: u64, program: &Path) -> Result<()> {
    let world = World::new(Setting::of("mutants-version", seed, program)).await?;
    let key = event::key(seed, 1);
    world.own(&[Version { key: key.clone(), version: 3 }]).await?;
    world.publish(&[1, 3, 2].map(|version| fact(&key, version, None))).await?;
    world.listen(&[], "version-guard=off")?;
    world.quiet(PATIENCE).await?;
    noticed(world.finish().await?, Wrong::Disordered)
}

/// With several events of a key in flight one that is refused lets later ones go before it.
pub async fn one_key_per_window(seed: u64, program: &Path) -> Result<()> {
    let world = World::new(Setting::of("mutants-window", seed, program)).await?;
    world.listen(&[], "")?;
    world.relay("batches=off;one-key-per-window=off")?;
    world.commit(&[fact(&event::key(seed, 1), 1, None)]).await?;
    world.quiet(PATIENCE).await?;
    // The relay has made its stream and does not look at it again for a while.
    let js = world.bus.jetstream();
    let mut config =
        js.get_stream(streams::events(event::PUBLISHER)).await?.cached_info().config.clone();
    let usual = std::mem::replace(&mut config.max_message_size, 2_000);
    js.update_stream(config.clone()).await?;
    let key = event::key(seed, 2);
    let large = Fact::from(&updated(&key, 2, None, 4_000));
    world.commit(&[fact(&key, 1, None), large, fact(&key, 3, None)]).await?;
    let refused = async || {
        let ask = "select count(*) from outbox where attempts > 0";
        Ok(world.ask(event::PUBLISHER, ask).await? > 0)
    };
    world.until("the broker refuses the large event", PATIENCE, refused).await?;
    config.max_message_size = usual;
    js.update_stream(config).await?;
    world.quiet(PATIENCE).await?;
    noticed(world.finish().await?, Wrong::Disordered)
}

fn noticed(finished: Finished, wrong: Wrong) -> Result<()> {
    let verdict = finished.is_noticed()?;
    println!("  noticed: {:?}", verdict.told());
    ensure!(verdict.count(wrong) > 0, "nothing is {wrong}, but {verdict}");
    Ok(())
}
