//! Copies of prices and stock, for product pages. The handlers in `events/` are their only writers.

use crate::domain::product::Product;
use crate::domain::stock::{Stocked, Warehouse};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Bool, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::id::Id;
use pg::{Tx, statement};
use pricing_api::v1::Price;
use prost::Message;

/// Kind of a level's id.
pub enum Level {}

/// Kind of a price's id.
pub enum PriceId {}

/// A level as its event says.
#[derive(Debug, Clone)]
pub struct NewLevel {
    /// The level.
    pub stock_id: Id<Level>,
    /// The product of the variant.
    pub product_id: Id<Product>,
    /// The variant, the warehouse and what there is; whether that ships is another event's.
    pub stocked: Stocked,
}

/// The stock of a product's variants, by variant and warehouse, that of warehouses that do not ship included. A warehouse of which nothing
/// is known yet ships.
pub async fn stock(tx: &mut Tx, id: Id<Product>) -> Result<Vec<Stocked>, Fault> {
    let rows = statement(
        "select l.variant_id, l.warehouse_id, l.available, l.backorderable,
           coalesce(w.ships, true) as ships, l.status
         from display_levels l left join display_warehouses w on w.warehouse_id = l.warehouse_id
         where l.product_id = $1 order by l.variant_id, l.warehouse_id",
    )
    .bind::<SqlUuid, _>(id)
    .get_results(tx.conn())
    .await?;
    Ok(rows)
}

/// The prices of a product and its variants that are for anybody.
pub async fn prices(tx: &mut Tx, id: Id<Product>) -> Result<Vec<Price>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Binary)]
        body: Vec<u8>,
    }
    let rows: Vec<Row> = statement("select body from display_prices where product_id = $1")
        .bind::<SqlUuid, _>(id)
        .get_results(tx.conn())
        .await?;
    rows.iter().map(|row| Price::decode(&*row.body).map_err(Fault::internal)).collect()
}

/// Keeps a level, and has the status of its product looked at.
pub async fn keep_level(tx: &mut Tx, own: &NewLevel) -> Result<(), Fault> {
    let stocked = &own.stocked;
    statement(
        "with kept as (
           insert into display_levels
             (stock_id, product_id, variant_id, warehouse_id, available, backorderable, status)
           values ($1, $2, $3, $4, $5, $6, $7)
           on conflict (stock_id) do update
           set available = excluded.available, backorderable = excluded.backorderable,
               status = excluded.status)
         insert into stock_due (product_id) values ($2) on conflict do nothing",
    )
    .bind::<SqlUuid, _>(own.stock_id)
    .bind::<SqlUuid, _>(own.product_id)
    .bind::<SqlUuid, _>(stocked.variant_id)
    .bind::<SqlUuid, _>(stocked.warehouse_id)
    .bind::<BigInt, _>(stocked.available)
    .bind::<BigInt, _>(stocked.backorderable)
    .bind::<Text, _>(&stocked.status)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps whether a warehouse ships, and has all products looked at that it has stock of where that changed.
pub async fn keep_warehouse(tx: &mut Tx, id: Id<Warehouse>, ships: bool) -> Result<(), Fault> {
    let changed = statement(
        "insert into display_warehouses as own (warehouse_id, ships) values ($1, $2)
         on conflict (warehouse_id) do update set ships = excluded.ships
         where own.ships <> excluded.ships",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<Bool, _>(ships)
    .execute(tx.conn())
    .await?;
    if changed > 0 {
        statement(
            "insert into stock_due (product_id)
             select distinct product_id from display_levels where warehouse_id = $1
             order by product_id on conflict do nothing",
        )
        .bind::<SqlUuid, _>(id)
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// Keeps a price, or removes it.
pub async fn keep_price(
    tx: &mut Tx,
    id: Id<PriceId>,
    price: Option<(Id<Product>, &Price)>,
) -> Result<(), Fault> {
    let Some((product_id, price)) = price else {
        statement("delete from display_prices where price_id = $1")
            .bind::<SqlUuid, _>(id)
            .execute(tx.conn())
            .await?;
        return Ok(());
    };
    statement(
        "insert into display_prices (price_id, product_id, body) values ($1, $2, $3)
         on conflict (price_id) do update set body = excluded.body",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<SqlUuid, _>(product_id)
    .bind::<Binary, _>(price.encode_to_vec())
    .execute(tx.conn())
    .await?;
    Ok(())
}
