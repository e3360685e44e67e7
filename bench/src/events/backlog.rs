//! Throughput of relay and consumers with a backlog.

use super::baseline::rate;
use super::fixture::Fixture;
use super::shop;
use super::size::Size;
use anyhow::{Context, Result, bail};
use bus::{Consumers, Relay};
use diesel::sql_types::BigInt;
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::Db;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const UNPUBLISHED: &str =
    "select count(*) from (select from outbox where published_at is null limit 100000) rows";
const CLAIMED: &str = "select count(*) from inbox";

/// Longest time that a backlog may take.
const TIMEOUT: Duration = Duration::from_secs(180);

/// Work in the background, until it is ended.
pub struct Running {
    stop: CancellationToken,
    task: JoinHandle<Result<(), Fault>>,
}

impl Running {
    /// The relay of pricing.
    pub fn relay(fixture: &Fixture) -> Self {
        let stop = CancellationToken::new();
        let relay = Relay::new(fixture.pricing.clone(), fixture.bus.clone());
        Self { task: tokio::spawn(relay.run(stop.clone())), stop }
    }

    /// The consumers of search.
    pub fn consumers(fixture: &Fixture) -> Self {
        let stop = CancellationToken::new();
        let consumers = Consumers::new(fixture.search.clone(), fixture.bus.clone());
        let consumers = consumers.on((), shop::price_updated);
        Self { task: tokio::spawn(consumers.run(stop.clone())), stop }
    }

    pub async fn end(self) -> Result<()> {
        self.stop.cancel();
        self.task.await?.context("what ran in the background")
    }
}

/// Events a second that the relay alone publishes.
pub async fn relay(fixture: &Fixture, size: Size) -> Result<f64> {
    shop::fill(&fixture.pricing, &shop::changes(size)).await?;
    let begun = Instant::now();
    let relay = Running::relay(fixture);
    let published = published(fixture, size, begun).await?;
    relay.end().await?;
    Ok(published)
}

/// Events a second, from the same start: until all are published, and until all have their effect.
pub struct Drained {
    pub published: f64,
    pub applied: f64,
}

/// Relay and consumers process one backlog together.
pub async fn drain(fixture: &Fixture, size: Size) -> Result<Drained> {
    shop::fill(&fixture.pricing, &shop::changes(size)).await?;
    let begun = Instant::now();
    let (relay, consumers) = (Running::relay(fixture), Running::consumers(fixture));
    let (published, applied) =
        tokio::try_join!(published(fixture, size, begun), applied(fixture, size, begun))?;
    relay.end().await?;
    consumers.end().await?;
    Ok(Drained { published, applied })
}

async fn published(fixture: &Fixture, size: Size, begun: Instant) -> Result<f64> {
    let left = async || count(&fixture.pricing, UNPUBLISHED).await;
    watch("published", size, begun, async || Ok(size.backlog.saturating_sub(left().await?))).await
}

async fn applied(fixture: &Fixture, size: Size, begun: Instant) -> Result<f64> {
    watch("had effect", size, begun, async || count(&fixture.search, CLAIMED).await).await
}

/// Prints every other second how many are done, and returns the rate when all are.
async fn watch(
    what: &str,
    size: Size,
    begun: Instant,
    progress: impl AsyncFn() -> Result<usize>,
) -> Result<f64> {
    let mut printed = Instant::now();
    loop {
        let done = progress().await?;
        if done >= size.backlog {
            return Ok(rate(size.backlog, begun.elapsed()));
        }
        if printed.elapsed() > Duration::from_secs(2) {
            println!("  {done} of {} {what} after {:.0?}", size.backlog, begun.elapsed());
            printed = Instant::now();
        }
        if begun.elapsed() > TIMEOUT {
            bail!("only {done} of {} {what} after {TIMEOUT:?}", size.backlog);
        }
        // Counting is load for the database too.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn count(db: &Db, query: &str) -> Result<usize> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let count = db.read("bench.count", async move |tx| {
        let count: Count = sql_query(query).get_result(tx.conn()).await?;
        Ok(count.count)
    });
    Ok(usize::try_from(count.await?)?)
}
