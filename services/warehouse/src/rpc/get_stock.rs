//! Returns the stock of a SKU.

use crate::domain::warehouse::Warehouse;
use crate::store::levels;
use crate::{App, catalog};
use contracts::Rpc;
use convert::read;
use fault::Fault;
use pg::entity;
use warehouse_api::v1::{GetStockRequest, GetStockResponse, StockStatus};

/// The levels of a SKU and what they are in sum. Warehouses that do not ship are shown, and not counted.
pub async fn get_stock(app: &App, request: GetStockRequest) -> Result<GetStockResponse, Fault> {
    let sku = read(|fields| fields.sku("sku", &request.sku))?;
    let skus = std::slice::from_ref(&sku);
    let (found, warehouses): (_, Vec<Warehouse>) = app
        .db
        .read(GetStockRequest::METHOD, async |tx| {
            let found = levels::of_skus(tx, skus).await?;
            let ids: Vec<_> = found.iter().map(|level| level.warehouse_id).collect();
            Ok((found, entity::find(tx, &ids).await?))
        })
        .await?;
    if found.is_empty() {
        catalog::require_ever(app, &sku, "sku").await?;
    }
    let ships = |id| warehouses.iter().any(|own| own.head.id == id && own.values.ships);
    let counted = found.iter().filter(|level| ships(level.warehouse_id));
    let status = counted.clone().map(|level| level.status).min();
    Ok(GetStockResponse {
        available: counted.clone().map(|level| level.available()).sum(),
        backorderable: counted.map(|level| level.backorderable()).sum(),
        status: status.map_or(StockStatus::OutOfStock, StockStatus::from).into(),
        stock: found.iter().map(Into::into).collect(),
    })
}
