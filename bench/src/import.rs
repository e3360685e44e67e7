//! What searches feel of an import: the icecat catalogue is imported once more, under other keys, while searches are offered at half
//! of the peak rate, and until all of it is found and half a minute more.

use crate::client::Mesh;
use crate::load::{self, Load, Offered};
use crate::shop;
use anyhow::{Result, bail};
use std::time::{Duration, Instant};
use uuid::Uuid;

const CLIENTS: usize = 16;
/// How long searches are watched after all is found: the index goes on merging.
const AFTER: Duration = Duration::from_secs(30);

/// Measures and prints.
pub async fn run(arguments: &[String]) -> Result<()> {
    let quick = match arguments {
        [] => false,
        [flag] if flag == "--quick" => true,
        _ => bail!("usage: bench import [--quick]"),
    };
    let time = Duration::from_secs(if quick { 5 } else { 20 });
    let mesh = Mesh::find()?;
    let shop = shop::open(&mesh).await?;
    // What was just imported is still being merged.
    tokio::time::sleep(time).await;
    let (peak, mut searches) = load::peak(&mesh, &shop.queries, CLIENTS, time).await?;
    println!("peak before: {peak} searches/s; {}", searches.line());

    let offered = Offered::start(&mesh, &shop.queries, peak / 2)?;
    let begun = Instant::now();
    let copy = shop::import_copy(&mesh, &format!("{}-", Uuid::now_v7())).await?;
    println!("imported {copy} products with prices in {:.1?}", begun.elapsed());
    shop::wait_found(&mesh, i64::try_from(shop.skus.len() + copy)?).await?;
    println!("all are found {:.1?} after the import began", begun.elapsed());
    tokio::time::sleep(AFTER).await;
    let Load { offered, served, mut answered } = offered.stop();
    println!("load: {offered} searches/s offered, {served} served: {}", answered.served.line());
    println!("refused: {}", answered.refused.values().sum::<u64>());
    answered.refused.iter().for_each(|(why, times)| println!("  {times} times {why}"));

    let (peak, mut searches) = load::peak(&mesh, &shop.queries, CLIENTS, time).await?;
    println!("peak after: {peak} searches/s; {}", searches.line());
    Ok(())
}
