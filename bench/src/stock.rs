//! How long changed stock takes until search and the product's page show it, at 50 changes a second.

use crate::calls::{Processes, SHOP, fill_if_empty};
use crate::client::Mesh;
use crate::latency::Latencies;
use crate::load;
use anyhow::{Context, Result, bail, ensure};
use catalog_api::v1::{GetProductRequest, ProductView, ResolveItemsRequest, ResolvedItem};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use warehouse_api::v1::stock_update::Change;
use warehouse_api::v1::warehouse_service_client::WarehouseServiceClient;
use warehouse_api::v1::{
    CreateWarehouseRequest, ListWarehousesRequest, StockUpdate, UpdateStockRequest, WarehouseDraft,
};

const CHANGE_INTERVAL: Duration = Duration::from_millis(20);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
const MAX_WAIT: Duration = Duration::from_secs(30);
const WAREHOUSE: &str = "bench";

/// Measures and prints.
pub async fn run(arguments: &[String]) -> Result<()> {
    let changes = match arguments {
        [] => 1_500,
        [flag] if flag == "--quick" => 300,
        _ => bail!("usage: bench stock [--quick]"),
    };
    let mesh = Mesh::find()?;
    fill_if_empty(&mesh, &Processes::find(&mesh)?, SHOP).await?;
    let warehouse_id = warehouse(&mesh).await?;
    let items = items(&mesh, changes).await?;
    let mut tick = tokio::time::interval(CHANGE_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (begun, mut tasks) = (Instant::now(), JoinSet::new());
    for (number, item) in items.into_iter().enumerate() {
        tick.tick().await;
        let (mesh, warehouse_id) = (Mesh::find()?, warehouse_id.clone());
        tasks.spawn(async move { change(&mesh, warehouse_id, item).await });
        if (number + 1) % 250 == 0 {
            println!("changed {} of {changes} levels ...", number + 1);
        }
    }
    let rate = changes as u128 * 1000 / begun.elapsed().as_millis().max(1);
    let (mut searched, mut paged) = (Latencies::default(), Latencies::default());
    while let Some(done) = tasks.join_next().await {
        let (search, page) = done??;
        searched.add(search);
        paged.add(page);
    }
    println!(
        "stock: {changes} changes, {rate} a second, from the answer of UpdateStock until it is shown:"
    );
    println!("  by search: {}", searched.line());
    println!("  on the product's page: {}", paged.line());
    Ok(())
}

/// The one that benches stock.
pub async fn warehouse(mesh: &Mesh) -> Result<String> {
    let mut client = WarehouseServiceClient::new(mesh.caller()?);
    let request = ListWarehousesRequest { page_size: 500, ..Default::default() };
    let all = client.list_warehouses(request).await?.into_inner().warehouses;
    if let Some(own) = all.into_iter().find(|own| own.code == WAREHOUSE) {
        return Ok(own.warehouse_id);
    }
    let draft =
        WarehouseDraft { code: WAREHOUSE.into(), name: WAREHOUSE.into(), ..Default::default() };
    let request = CreateWarehouseRequest { warehouse: Some(draft), ..Default::default() };
    let made = client.create_warehouse(request).await?.into_inner().warehouse;
    Ok(made.context("no warehouse was answered")?.warehouse_id)
}

/// Variants of different products.
async fn items(mesh: &Mesh, count: usize) -> Result<Vec<ResolvedItem>> {
    let skus = SHOP.rows().filter_map(|row| Some(row.variants.first()?.sku.clone()));
    let skus: Vec<String> = skus.take(count).collect();
    let mut items = Vec::new();
    for skus in skus.chunks(250) {
        let request = ResolveItemsRequest { skus: skus.to_vec(), ..Default::default() };
        items.extend(mesh.catalog()?.resolve_items(request).await?.into_inner().items);
    }
    Ok(items)
}

/// How long search and the page took.
async fn change(
    mesh: &Mesh,
    warehouse_id: String,
    item: ResolvedItem,
) -> Result<(Duration, Duration)> {
    let update = StockUpdate {
        sku: item.sku.clone(),
        warehouse_id: warehouse_id.clone(),
        change: Some(Change::Receive(7)),
        ..Default::default()
    };
    let request = UpdateStockRequest { update: Some(update), ..Default::default() };
    let mut client = WarehouseServiceClient::new(mesh.caller()?);
    let set = client.update_stock(request).await.context("change stock")?.into_inner();
    let units = set.stock.context("no level was answered")?.available;
    let answered = Instant::now();
    let search = async {
        while searched(mesh, &warehouse_id, &item.sku).await? != Some(units) {
            pause(answered).await.context("in search")?;
        }
        anyhow::Ok(answered.elapsed())
    };
    let page = async {
        while paged(mesh, &warehouse_id, &item).await? != Some(units) {
            pause(answered).await.context("on the page")?;
        }
        anyhow::Ok(answered.elapsed())
    };
    tokio::try_join!(search, page)
}

async fn pause(answered: Instant) -> Result<()> {
    ensure!(answered.elapsed() < MAX_WAIT, "changed stock is not shown after {MAX_WAIT:?}");
    tokio::time::sleep(POLL_INTERVAL).await;
    Ok(())
}

async fn searched(mesh: &Mesh, warehouse_id: &str, sku: &str) -> Result<Option<i64>> {
    let found = mesh.search()?.search_products(load::request(sku)).await?.into_inner();
    let hit = found.products.into_iter().find(|own| own.sku == sku);
    let levels = hit.into_iter().flat_map(|own| own.warehouse_stock);
    Ok(levels.filter(|own| own.warehouse_id == warehouse_id).map(|own| own.quantity).next())
}

async fn paged(mesh: &Mesh, warehouse_id: &str, item: &ResolvedItem) -> Result<Option<i64>> {
    let request = GetProductRequest {
        product_id: item.product_id.clone(),
        view: ProductView::Full.into(),
        ..Default::default()
    };
    let page = mesh.catalog()?.get_product(request).await?.into_inner();
    let variants = page.detail.into_iter().flat_map(|own| own.variants);
    let own = variants.filter(|own| {
        own.variant.as_ref().is_some_and(|variant| variant.variant_id == item.variant_id)
    });
    let mut levels = own.flat_map(|own| own.warehouses);
    Ok(levels.find(|own| own.warehouse_id == warehouse_id).map(|own| own.available))
}
