//! Keeps what product pages show of prices and stock.

use crate::App;
use crate::domain::stock::Stocked;
use crate::store::display::{self, NewLevel};
use bus::Outcome;
use contracts::Observed;
use convert::read;
use fault::Fault;
use pg::Tx;
use pricing_api::v1::Price;
use warehouse_api::v1::{Stock, Warehouse, WarehouseStatus};

/// Keeps what a warehouse has of a variant.
pub async fn keep_stock(app: &App, tx: &mut Tx, stock: Observed<Stock>) -> Result<Outcome, Fault> {
    // A level is never deleted.
    let Some(state) = &stock.state else { return Ok(Outcome::Done) };
    let own = read(|fields| {
        let stock_id = fields.id("stock_id", &stock.key);
        let product_id = fields.id("stock.product_id", &state.product_id);
        let variant_id = fields.id("stock.variant_id", &state.variant_id);
        let warehouse_id = fields.id("stock.warehouse_id", &state.warehouse_id);
        let stocked = Stocked {
            variant_id: variant_id?,
            warehouse_id: warehouse_id?,
            available: state.available,
            backorderable: state.backorderable,
            ships: true,
            status: status(state),
        };
        Some(NewLevel { stock_id: stock_id?, product_id: product_id?, stocked })
    })?;
    display::keep_level(tx, &own).await?;
    tx.notify_after_commit(app.stock_due.clone());
    Ok(Outcome::Done)
}

fn status(state: &Stock) -> String {
    state.status().as_str_name().trim_start_matches("STOCK_STATUS_").to_lowercase()
}

/// Keeps whether a warehouse ships.
pub async fn keep_warehouse(
    app: &App,
    tx: &mut Tx,
    warehouse: Observed<Warehouse>,
) -> Result<Outcome, Fault> {
    let id = read(|fields| fields.id("warehouse_id", &warehouse.key))?;
    let ships = warehouse.state.is_some_and(|own| own.status() == WarehouseStatus::Active);
    display::keep_warehouse(tx, id, ships).await?;
    tx.notify_after_commit(app.stock_due.clone());
    Ok(Outcome::Done)
}

/// Keeps a price that is for anybody. Those of single customers and groups are shown on no page.
pub async fn keep_price(_app: &App, tx: &mut Tx, price: Observed<Price>) -> Result<Outcome, Fault> {
    let id = read(|fields| fields.id("price_id", &price.key))?;
    let shown = price.state.as_ref().filter(|own| {
        let scope = own.scope.as_ref();
        scope.is_none_or(|scope| scope.customer_id.is_empty() && scope.customer_group.is_empty())
    });
    match shown {
        Some(own) => {
            let product_id = read(|fields| fields.id("price.product_id", &own.product_id))?;
            display::keep_price(tx, id, Some((product_id, own))).await?;
        }
        None => display::keep_price(tx, id, None).await?,
    }
    Ok(Outcome::Done)
}
