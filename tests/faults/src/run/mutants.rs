//! Each safeguard taken away once: the checkers have to detect it, else a run without violations would prove nothing.

use crate::check::Violation;
use crate::event::{self, fact, updated};
use crate::fixture::finish::Finished;
use crate::fixture::{Fixture, Setting};
use crate::history::Version;
use crate::process::write::Load;
use anyhow::{Result, ensure};
use bus::streams;
use contracts::Fact;
use std::path::Path;
use std::time::Duration;

/// Far longer than anything takes, so that a busy machine fails no run.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Without the claim in the inbox an event that is delivered again has its effect again.
pub async fn inbox(seed: u64, program: &Path) -> Result<()> {
    let fixture = Fixture::new(Setting::of("mutants-inbox", seed, program)).await?;
    let key = event::key(seed, 1);
    fixture.raise_owner(&[Version { key: key.clone(), version: 2 }]).await?;
    fixture.ensure_stream().await?;
    fixture.start_consumer(&[], "inbox=off")?;
    for _ in 0..2 {
        fixture.publish(&[1, 2].map(|version| fact(&key, version, None))).await?;
        // Two deliveries in one batch count as one event anyway.
        fixture.quiet(TIMEOUT).await?;
    }
    is_detected(fixture.finish().await?, Violation::Doubled)
}

/// With the acknowledgement before the commit a consumer that dies between them loses effects.
pub async fn ack_after_commit(seed: u64, program: &Path) -> Result<()> {
    let fixture = Fixture::new(Setting::of("mutants-ack", seed, program)).await?;
    fixture.start_relay("")?;
    fixture.start_writer(&Load { keys: 10, ..Load::of(seed, 100) }, "")?;
    fixture.start_consumer(&[], "ack-after-commit=off;consumer.handled=abort@2")?;
    fixture.quiet(TIMEOUT).await?;
    let finished = fixture.finish().await?;
    ensure!(finished.was_hit("consumer.handled"), "the consumer did not die");
    is_detected(finished, Violation::Lost)
}

/// Without the version guard a projection goes back when an event is late.
pub async fn version_guard(seed: u64, program: &Path) -> Result<()> {
    let fixture = Fixture::new(Setting::of("mutants-version", seed, program)).await?;
    let key = event::key(seed, 1);
    fixture.raise_owner(&[Version { key: key.clone(), version: 3 }]).await?;
    fixture.publish(&[1, 3, 2].map(|version| fact(&key, version, None))).await?;
    fixture.start_consumer(&[], "version-guard=off")?;
    fixture.quiet(TIMEOUT).await?;
    is_detected(fixture.finish().await?, Violation::Disordered)
}

/// With several events of a key in flight later ones are published before one that is refused.
pub async fn one_key_per_window(seed: u64, program: &Path) -> Result<()> {
    let fixture = Fixture::new(Setting::of("mutants-window", seed, program)).await?;
    fixture.start_consumer(&[], "")?;
    fixture.start_relay("batches=off;one-key-per-window=off")?;
    fixture.commit(&[fact(&event::key(seed, 1), 1, None)]).await?;
    fixture.quiet(TIMEOUT).await?;
    // The relay has created its stream and does not check it again for a while.
    let js = fixture.bus.jetstream();
    let mut config =
        js.get_stream(streams::events(event::PUBLISHER)).await?.cached_info().config.clone();
    let usual = std::mem::replace(&mut config.max_message_size, 2_000);
    js.update_stream(config.clone()).await?;
    let key = event::key(seed, 2);
    let large = Fact::from(&updated(&key, 2, None, 4_000));
    fixture.commit(&[fact(&key, 1, None), large, fact(&key, 3, None)]).await?;
    let refused = async || {
        let ask = "select count(*) from outbox where attempts > 0";
        Ok(fixture.query(event::PUBLISHER, ask).await? > 0)
    };
    fixture.until("the broker refuses the large event", TIMEOUT, refused).await?;
    config.max_message_size = usual;
    js.update_stream(config).await?;
    fixture.quiet(TIMEOUT).await?;
    is_detected(fixture.finish().await?, Violation::Disordered)
}

fn is_detected(finished: Finished, wrong: Violation) -> Result<()> {
    let verdict = finished.is_detected()?;
    println!("  detected: {:?}", verdict.examples());
    ensure!(verdict.count(wrong) > 0, "nothing is {wrong}, but {verdict}");
    Ok(())
}
