//! Keeps what product pages show of prices and stock.

use crate::domain::stock::Stocked;
use crate::store::display::{self, NewLevel, NewPrice};
use crate::store::list;
use crate::{App, answers};
use bus::Outcome;
use contracts::Observed;
use convert::read;
use fault::Fault;
use pg::Tx;
use pricing_api::v1::Price;
use prost::Message;
use warehouse_api::v1::{Stock, Warehouse, WarehouseStatus};

/// Keeps what warehouses have of variants.
pub async fn keep_stock(app: &App, tx: &mut Tx, stock: Vec<Observed<Stock>>) -> Result<(), Fault> {
    // A level is never deleted.
    let levels = stock.iter().filter_map(|own| Some(level(&own.key, own.state.as_ref()?)));
    let levels = levels.collect::<Result<Vec<_>, _>>()?;
    display::keep_levels(tx, &levels).await?;
    tx.notify_after_commit(app.stock_due.clone());
    answers::end_pages(app, tx, levels.iter().map(|own| own.product_id));
    Ok(())
}

fn level(key: &str, state: &Stock) -> Result<NewLevel, Fault> {
    read(|fields| {
        let stock_id = fields.id("stock_id", key);
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
    })
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
    let cached = app.cached.clone();
    tx.after_commit(async move { cached.all_ended().await });
    Ok(Outcome::Done)
}

/// Keeps prices that are for anybody. Those of single customers and groups are shown on no page.
pub async fn keep_prices(
    app: &App,
    tx: &mut Tx,
    prices: Vec<Observed<Price>>,
) -> Result<(), Fault> {
    let (mut shown, mut hidden) = (Vec::new(), Vec::new());
    for price in &prices {
        let price_id = read(|fields| fields.id("price_id", &price.key))?;
        match price.state.as_ref().filter(|own| is_for_anybody(own)) {
            Some(own) => {
                let product_id = read(|fields| fields.id("price.product_id", &own.product_id))?;
                shown.push(NewPrice { price_id, product_id, body: own.encode_to_vec() });
            }
            None => hidden.push(price_id),
        }
    }
    display::keep_prices(tx, &shown).await?;
    let mut products = display::remove_prices(tx, &hidden).await?;
    products.extend(shown.iter().map(|own| own.product_id));
    list::is_due(tx, products.iter().copied()).await?;
    tx.notify_after_commit(app.list_due.clone());
    answers::end_pages(app, tx, products.into_iter());
    Ok(())
}

fn is_for_anybody(price: &Price) -> bool {
    let scope = price.scope.as_ref();
    scope.is_none_or(|scope| scope.customer_id.is_empty() && scope.customer_group.is_empty())
}
