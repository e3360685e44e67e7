//! Returns what can be bought of many SKUs.

use crate::domain::level::Level;
use crate::domain::warehouse::Warehouse;
use crate::store::levels;
use crate::{App, wire};
use contracts::Rpc;
use convert::read;
use fault::Fault;
use kernel::id::Id;
use kernel::sku::Sku;
use pg::entity;
use std::collections::{BTreeSet, HashMap};
use warehouse_api::v1::{
    Availability, BatchGetAvailabilityRequest, BatchGetAvailabilityResponse, StockStatus,
    WarehouseAvailability,
};

/// Only warehouses that ship, and that serve the place and the channel. An unknown SKU has nothing.
pub async fn batch_get_availability(
    app: &App,
    request: BatchGetAvailabilityRequest,
) -> Result<BatchGetAvailabilityResponse, Fault> {
    let ids: Vec<Id<Warehouse>> =
        read(|fields| fields.ids("warehouse_ids", &request.warehouse_ids))?;
    let to = wire::warehouse::destination(&request.country, &request.postcode, &request.channel);
    let skus: Vec<Sku> = request.skus.iter().filter_map(|sku| Sku::parse(sku).ok()).collect();
    let skus = &skus;
    let (found, warehouses): (Vec<Level>, Vec<Warehouse>) = app
        .db
        .read(BatchGetAvailabilityRequest::METHOD, async |tx| {
            let found = levels::of_skus(tx, skus).await?;
            let ids: BTreeSet<_> = found.iter().map(|level| level.warehouse_id).collect();
            Ok((found, entity::find(tx, &Vec::from_iter(ids)).await?))
        })
        .await?;
    let serving: BTreeSet<Id<Warehouse>> = warehouses
        .iter()
        .filter(|own| own.serves(&to) && (ids.is_empty() || ids.contains(&own.head.id)))
        .map(|own| own.head.id)
        .collect();
    let mut by_sku: HashMap<&str, Vec<&Level>> = HashMap::new();
    for level in found.iter().filter(|level| serving.contains(&level.warehouse_id)) {
        by_sku.entry(level.sku.as_str()).or_default().push(level);
    }
    let of = |sku: &String| {
        let levels = by_sku.get(sku.as_str()).map(Vec::as_slice).unwrap_or_default();
        availability(sku, levels)
    };
    Ok(BatchGetAvailabilityResponse { availability: request.skus.iter().map(of).collect() })
}

fn availability(sku: &str, levels: &[&Level]) -> Availability {
    let status = levels.iter().map(|level| level.status).min();
    Availability {
        sku: sku.to_owned(),
        available: levels.iter().map(|level| level.available()).sum(),
        backorderable: levels.iter().map(|level| level.backorderable()).sum(),
        status: status.map_or(StockStatus::OutOfStock, StockStatus::from).into(),
        warehouses: levels
            .iter()
            .map(|level| WarehouseAvailability {
                warehouse_id: level.warehouse_id.to_string(),
                available: level.available(),
                backorderable: level.backorderable(),
                status: StockStatus::from(level.status).into(),
            })
            .collect(),
    }
}
