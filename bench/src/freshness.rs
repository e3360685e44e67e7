//! How long a changed price takes until search shows it, under load.

use crate::client::Mesh;
use crate::latency::Latencies;
use crate::load::{self, Offered};
use crate::shop;
use anyhow::{Context, Result, bail};
use contracts::types::v1::Money;
use pricing_api::v1::item::Name;
use pricing_api::v1::{Item, PriceDraft, SetPriceRequest};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

const CLIENTS: usize = 16;
const PEAK_DURATION: Duration = Duration::from_secs(30);
const CHANGES: usize = 1_000;
const CHANGE_INTERVAL: Duration = Duration::from_millis(50);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Measures the peak rate of searches, then changes 20 prices a second under half of that load, and polls until search shows each
/// change.
pub async fn run() -> Result<()> {
    let mesh = Mesh::find()?;
    let shop = shop::open(&mesh).await?;
    println!("peak: {CLIENTS} clients for {PEAK_DURATION:?} ...");
    let (peak, mut searches) = load::peak(&mesh, &shop.queries, CLIENTS, PEAK_DURATION).await?;
    println!("peak: {peak} searches/s; {}", searches.line());

    let offered = Offered::start(&mesh, &shop.queries, peak / 2)?;
    let mut tick = tokio::time::interval(CHANGE_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for (sku, cents) in shop.skus.iter().take(CHANGES) {
        tick.tick().await;
        let (mesh, sku, cents) = (Mesh::find()?, sku.clone(), changed(*cents));
        tasks.spawn(async move { change(&mesh, sku, cents).await });
        if tasks.len().is_multiple_of(200) {
            println!("changed {} of {CHANGES} prices ...", tasks.len());
        }
    }
    let rate = CHANGES as u128 * 1000 / begun.elapsed().as_millis().max(1);
    let mut shown = Latencies::default();
    while let Some(done) = tasks.join_next().await {
        shown.add(done??);
    }
    let load::Load { offered, served, .. } = offered.stop();
    println!("load: {offered} searches/s offered, {served} served; {rate} changes/s offered");
    println!(
        "freshness: {} changes from the answer of SetPrice until search shows it: {}",
        shown.len(),
        shown.line()
    );
    Ok(())
}

/// A price that differs from the current one and between runs.
fn changed(cents: i64) -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    cents + 1 + now.map_or(0, |now| i64::from(now.subsec_millis()))
}

async fn change(mesh: &Mesh, sku: String, cents: i64) -> Result<Duration> {
    let price = PriceDraft {
        item: Some(Item { name: Some(Name::Sku(sku.clone())) }),
        base: Some(Money { currency_code: "USD".to_owned(), minor_units: Some(cents) }),
        ..PriceDraft::default()
    };
    let request = SetPriceRequest { price: Some(price), ..SetPriceRequest::default() };
    mesh.pricing()?.set_price(request).await.context("set a price")?;
    let answered = Instant::now();
    let mut search = mesh.search()?;
    loop {
        let found = search.search_products(load::request(&sku)).await?.into_inner();
        let amount = found.products.first().and_then(|product| product.amount.as_ref());
        if amount.is_some_and(|amount| amount.minor_units() == cents) {
            return Ok(answered.elapsed());
        }
        if answered.elapsed() > MAX_WAIT {
            bail!("search does not show the price of {sku} after {MAX_WAIT:?}");
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
