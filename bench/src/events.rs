//! How fast events travel. On servers of the bench's own: a broker that flushes before it acknowledges, and databases that
//! flush before they commit, as in production.

mod backlog;
mod floor;
mod shop;
mod steady;
mod table;
mod world;

use crate::latency::Latencies;
use anyhow::{Context, Result, bail};
use std::time::Instant;
use table::Table;
use world::{Servers, World};

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Events of each backlog.
    pub backlog: usize,
    /// Events a second of the steady load.
    pub rate: u64,
    /// Seconds of each steady load.
    pub seconds: u64,
    /// Keys, and with them the order of everything, follow from it.
    pub seed: u64,
}

impl Size {
    fn of(arguments: &[String]) -> Result<Self> {
        let mut size = Self { backlog: 100_000, rate: 500, seconds: 20, seed: rand::random() };
        let mut left = arguments.iter();
        while let Some(argument) = left.next() {
            match argument.as_str() {
                "--quick" => (size.backlog, size.seconds) = (10_000, 4),
                "--seed" => size.seed = left.next().context("--seed needs a number")?.parse()?,
                other => {
                    bail!("unknown argument {other}; usage: bench events [--quick] [--seed N]")
                }
            }
        }
        Ok(size)
    }
}

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
    let world = World::new(servers).await?;
    let bare = floor::publish(&world.bus, size, false).await?;
    let whole = floor::publish(&world.bus, size, true).await?;
    table.rate("bare publisher, 512 B in batches of 200", bare, None);
    table.rate("the same with an event's headers", whole, None);

    println!("relay: a backlog of {} ...", size.backlog);
    let relayed = backlog::relay(&world, size).await?;
    table.rate("relay, against bare", relayed, Some(bare));
    table.rate("relay, against bare with headers", relayed, Some(whole));
    world.end().await?;

    println!("raw latencies at {}/s ...", size.rate);
    let world = World::new(servers).await?;
    let mut commit = floor::commit_latency(&world, size).await?;
    let mut publish = floor::publish_latency(&world.bus, size).await?;
    table.latency("raw insert and commit", &mut commit, None);
    table.latency("raw publish until acknowledged", &mut publish, None);
    world.end().await?;

    println!("commit to stream at {}/s ...", size.rate);
    let world = World::new(servers).await?;
    let mut streamed = steady::run(&world, size, false).await?.to_stream;
    table.latency("commit to stream, against raw publish", &mut streamed, Some(&mut publish));
    world.end().await?;

    println!("commit to effect at {}/s ...", size.rate);
    let world = World::new(servers).await?;
    let mut steady = steady::run(&world, size, true).await?;
    let mut both = sum(&mut commit, &mut publish);
    table.latency("commit to effect, against both", &mut steady.to_effect, Some(&mut both));
    table.latency("commit to stream beside it", &mut steady.to_stream, Some(&mut publish));
    world.end().await?;

    println!("drain: a backlog of {} with relay and consumer ...", size.backlog);
    let world = World::new(servers).await?;
    let drained = backlog::drain(&world, size).await?;
    world.end().await?;
    println!("raw inbox and upsert in batches as large as the consumer's ...");
    let world = World::new(servers).await?;
    let raw = floor::effects(&world, size).await?;
    world.end().await?;
    table.rate("drain: published, against bare with headers", drained.published, Some(whole));
    table.rate("drain: had effect, against raw inbox and upsert", drained.applied, Some(raw));
    Ok(table)
}

/// An event with an effect is published and committed once more, so its floor is one of each.
fn sum(one: &mut Latencies, other: &mut Latencies) -> Latencies {
    let mut sum = Latencies::default();
    for per_mille in 0..1000 {
        sum.add(one.quantile(per_mille) + other.quantile(per_mille));
    }
    sum
}
