//! Throughput and latency of events, on the bench's own servers: the broker flushes before it acknowledges, and databases flush
//! before they commit, as in production.

mod backlog;
mod baseline;
mod fixture;
mod shop;
mod size;
mod steady;
mod table;

use crate::latency::Latencies;
use anyhow::Result;
use fixture::{Fixture, Servers};
use size::Size;
use std::time::Instant;
use table::Table;

/// Measures everything and prints one table.
pub async fn run(arguments: &[String]) -> Result<()> {
    let size = Size::of(arguments)?;
    println!(
        "events: backlog {}, steady {}/s for {} s, seed {}",
        size.backlog, size.rate, size.seconds, size.seed
    );
    let begun = Instant::now();
    let servers = Servers::start().await?;
    let measured = measure(&servers, size).await;
    servers.remove().await?;
    println!("\n{}\ntook {:.0?}, seed {}", measured?, begun.elapsed(), size.seed);
    Ok(())
}

async fn measure(servers: &Servers, size: Size) -> Result<Table> {
    let mut table = Table::default();

    println!("bare publisher ...");
    let fixture = Fixture::new(servers).await?;
    let bare = baseline::publish(&fixture.bus, size, false).await?;
    let whole = baseline::publish(&fixture.bus, size, true).await?;
    table.rate("bare publisher, 512 B in batches of 200", bare, None);
    table.rate("the same with an event's headers", whole, None);

    println!("relay: a backlog of {} ...", size.backlog);
    let relayed = backlog::relay(&fixture, size).await?;
    table.rate("relay, against bare", relayed, Some(bare));
    table.rate("relay, against bare with headers", relayed, Some(whole));
    fixture.end().await?;

    println!("raw latencies at {}/s ...", size.rate);
    let fixture = Fixture::new(servers).await?;
    let mut commit = baseline::commit_latency(&fixture, size).await?;
    let mut publish = baseline::publish_latency(&fixture.bus, size).await?;
    table.latency("raw insert and commit", &mut commit, None);
    table.latency("raw publish until acknowledged", &mut publish, None);
    fixture.end().await?;

    println!("commit to stream at {}/s ...", size.rate);
    let fixture = Fixture::new(servers).await?;
    let mut streamed = steady::run(&fixture, size, false).await?.to_stream;
    table.latency("commit to stream, against raw publish", &mut streamed, Some(&mut publish));
    fixture.end().await?;

    println!("commit to effect at {}/s ...", size.rate);
    let fixture = Fixture::new(servers).await?;
    let mut steady = steady::run(&fixture, size, true).await?;
    let mut both = sum(&mut commit, &mut publish);
    table.latency("commit to effect, against both", &mut steady.to_effect, Some(&mut both));
    table.latency("commit to stream beside it", &mut steady.to_stream, Some(&mut publish));
    fixture.end().await?;

    println!("drain: a backlog of {} with relay and consumer ...", size.backlog);
    let fixture = Fixture::new(servers).await?;
    let drained = backlog::drain(&fixture, size).await?;
    fixture.end().await?;
    println!("raw inbox and upsert in batches as large as the consumer's ...");
    let fixture = Fixture::new(servers).await?;
    let raw = baseline::effects(&fixture, size).await?;
    fixture.end().await?;
    table.rate("drain: published, against bare with headers", drained.published, Some(whole));
    table.rate("drain: had effect, against raw inbox and upsert", drained.applied, Some(raw));
    Ok(table)
}

/// An event with an effect is published and committed once more, so its baseline is the sum of both.
fn sum(one: &mut Latencies, other: &mut Latencies) -> Latencies {
    let mut sum = Latencies::default();
    for per_mille in 0..1000 {
        sum.add(one.quantile(per_mille) + other.quantile(per_mille));
    }
    sum
}
