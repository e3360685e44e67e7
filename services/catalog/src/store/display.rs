//! Copies of prices and stock, for product pages. The handlers in `events/` are their only writers.

use crate::domain::product::Product;
use crate::domain::stock::{Stocked, Warehouse};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::id::Id;
use pg::{Columns, Tx, statement};
use pricing_api::v1::Price;
use prost::Message;

/// Kind of a level's id.
#[derive(Debug)]
pub enum Level {}

/// Kind of a price's id.
#[derive(Debug)]
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

/// A price as its event says.
#[derive(Debug, Clone)]
pub struct NewPrice {
    /// The price.
    pub price_id: Id<PriceId>,
    /// Its product.
    pub product_id: Id<Product>,
    /// The encoded price.
    pub body: Vec<u8>,
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
    let prices = prices_of(tx, &[id]).await?;
    Ok(prices.into_iter().map(|(_, price)| price).collect())
}

/// Keeps levels, and has the status of their products looked at.
pub async fn keep_levels(tx: &mut Tx, levels: &[NewLevel]) -> Result<(), Fault> {
    if levels.is_empty() {
        return Ok(());
    }
    let columns = Columns::of("display_levels", "stock_id", levels)
        .column::<SqlUuid, _>("stock_id", |own| own.stock_id)
        .column::<SqlUuid, _>("product_id", |own| own.product_id)
        .column::<SqlUuid, _>("variant_id", |own| own.stocked.variant_id)
        .column::<SqlUuid, _>("warehouse_id", |own| own.stocked.warehouse_id)
        .column::<BigInt, _>("available", |own| own.stocked.available)
        .column::<BigInt, _>("backorderable", |own| own.stocked.backorderable)
        .column::<Text, _>("status", |own| &*own.stocked.status);
    let query = columns.with(|values, names| {
        format!(
            "with come as (select * from unnest({values}) as come ({names})),
             kept as (
               insert into display_levels ({names}) select * from come order by stock_id
               on conflict (stock_id) do update
               set available = excluded.available, backorderable = excluded.backorderable,
                   status = excluded.status)
             insert into stock_due (product_id)
             select distinct product_id from come order by product_id on conflict do nothing"
        )
    });
    query.execute(tx.conn()).await?;
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

/// Keeps prices.
pub async fn keep_prices(tx: &mut Tx, prices: &[NewPrice]) -> Result<(), Fault> {
    if prices.is_empty() {
        return Ok(());
    }
    let columns = Columns::of("display_prices", "price_id", prices)
        .column::<SqlUuid, _>("price_id", |own| own.price_id)
        .column::<SqlUuid, _>("product_id", |own| own.product_id)
        .column::<Binary, _>("body", |own| &*own.body);
    let query = columns.with(|values, names| {
        format!(
            "insert into display_prices ({names})
             select * from unnest({values}) as come ({names}) order by price_id
             on conflict (price_id) do update set body = excluded.body"
        )
    });
    query.execute(tx.conn()).await?;
    Ok(())
}

/// Removes those of the prices that are there; returns their products.
pub async fn remove_prices(tx: &mut Tx, ids: &[Id<PriceId>]) -> Result<Vec<Id<Product>>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        product_id: Id<Product>,
    }
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> =
        statement("delete from display_prices where price_id = any($1) returning product_id")
            .bind::<Array<SqlUuid>, _>(ids)
            .get_results(tx.conn())
            .await?;
    Ok(rows.into_iter().map(|row| row.product_id).collect())
}

/// The prices of products and their variants that are for anybody.
pub async fn prices_of(
    tx: &mut Tx,
    ids: &[Id<Product>],
) -> Result<Vec<(Id<Product>, Price)>, Fault> {
    #[derive(QueryableByName)]
    #[diesel(check_for_backend(diesel::pg::Pg))]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        product_id: Id<Product>,
        #[diesel(sql_type = Binary)]
        body: Vec<u8>,
    }
    let rows: Vec<Row> =
        statement("select product_id, body from display_prices where product_id = any($1)")
            .bind::<Array<SqlUuid>, _>(ids)
            .get_results(tx.conn())
            .await?;
    let decode =
        |row: Row| Ok((row.product_id, Price::decode(&*row.body).map_err(Fault::internal)?));
    rows.into_iter().map(decode).collect()
}
