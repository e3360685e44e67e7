//! The import of the shop into an empty mesh.

use super::processes::Processes;
use crate::client::Mesh;
use anyhow::Result;
use search_api::v1::SearchProductsRequest;
use serde_json::{Value, json};
use souk::commands::seed;
use souk::environment::Environment;
use souk::load::caller::Caller;
use souk::seed::Shop;
use std::time::{Duration, Instant};

/// Imports the products with their prices, and waits until search finds all of them; returns what that took. None if they are there.
pub async fn fill_if_empty(
    mesh: &Mesh,
    processes: &Processes,
    shop: Shop,
) -> Result<Option<Value>> {
    let products = i64::from(shop.products);
    if found(mesh).await? >= products {
        return Ok(None);
    }
    let (cpu, started) = (processes.cpu()?, Instant::now());
    seed::fill(&Caller::new(&Environment::of_client(), &Default::default())?, shop).await?;
    let imported = started.elapsed().as_secs_f64();
    while found(mesh).await? < products {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let searchable = started.elapsed().as_secs_f64();
    eprintln!(
        "import of {products} products with prices: {imported:.1} s, found after {searchable:.1} s"
    );
    let used = processes.cpu()?;
    Ok(Some(json!({
        "workload": "import",
        "products": products,
        "seconds": imported,
        "found_after_seconds": searchable,
        "souk_cpu_seconds": used.souk - cpu.souk,
        "postgres_cpu_seconds": used.postgres - cpu.postgres,
    })))
}

async fn found(mesh: &Mesh) -> Result<i64> {
    let request = SearchProductsRequest { page_size: 1, ..Default::default() };
    Ok(mesh.search()?.search_products(request).await?.into_inner().total)
}
