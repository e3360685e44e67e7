//! Says when units can be shipped.

use crate::domain::promise::Supply;
use crate::domain::warehouse::Warehouse;
use crate::store::{incoming, levels};
use crate::{App, catalog};
use contracts::Rpc;
use convert::{read, timestamp};
use fault::Fault;
use pg::entity;
use warehouse_api::v1::{GetAvailableToPromiseRequest, GetAvailableToPromiseResponse, PromiseStep};

/// By what is free now, what is expected, and what is sold before it is there.
pub async fn get_available_to_promise(
    app: &App,
    request: GetAvailableToPromiseRequest,
) -> Result<GetAvailableToPromiseResponse, Fault> {
    let (sku, id) = read(|fields| {
        let sku = fields.sku("sku", &request.sku);
        sku.zip(fields.optional_id("warehouse_id", &request.warehouse_id))
    })?;
    let skus = std::slice::from_ref(&sku);
    let (now, found, warehouses, coming) = app
        .db
        .read(GetAvailableToPromiseRequest::METHOD, async |tx| {
            let found = levels::of_skus(tx, skus).await?;
            let ids: Vec<_> = found.iter().map(|level| level.warehouse_id).collect();
            let warehouses: Vec<Warehouse> = entity::find(tx, &ids).await?;
            Ok((tx.now().await?, found, warehouses, incoming::of_sku(tx, &skus[0], id).await?))
        })
        .await?;
    if found.is_empty() {
        catalog::require_ever(app, &sku, "sku").await?;
    }
    let ships = |own| {
        id.is_none_or(|id| id == own)
            && warehouses.iter().any(|other| other.head.id == own && other.values.ships)
    };
    let mut supply = Supply::default();
    for level in found.iter().filter(|level| ships(level.warehouse_id)) {
        supply.free += level.free();
        let preorder = level.settings.preorder_ships_at.map(|at| (at, level.sellable()));
        supply.preorder = match (supply.preorder, preorder) {
            (Some((at, units)), Some((other, more))) => Some((at.max(other), units + more)),
            (own, other) => own.or(other),
        };
    }
    let coming = coming.into_iter().filter(|own| ships(own.warehouse_id));
    supply.incoming = coming.map(|own| (own.expected_at, own.quantity)).collect();
    let promise = supply.promise(request.quantity, now);
    let step = |(at, quantity)| PromiseStep { expected_time: Some(timestamp(at)), quantity };
    Ok(GetAvailableToPromiseResponse {
        ship_time: promise.ships_at.map(timestamp),
        available: supply.free.max(0),
        steps: promise.steps.into_iter().map(step).collect(),
    })
}
