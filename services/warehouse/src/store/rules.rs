//! Rules for the sale of SKUs.

use crate::domain::rules::Rules;
use crate::schema::sku_rules;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::sku::Sku;
use pg::{Tx, statement};

#[derive(QueryableByName)]
#[diesel(table_name = sku_rules, check_for_backend(diesel::pg::Pg))]
struct Row {
    low_stock_threshold: Option<i64>,
    minimum: i64,
    maximum: i64,
    step: i64,
    hold_seconds: i32,
    updated_at: chrono::DateTime<chrono::Utc>,
}

/// The rules of a SKU; those of one without are the default.
pub async fn get(tx: &mut Tx, sku: &Sku) -> Result<Rules, Fault> {
    let rows: Vec<Row> = statement("select * from sku_rules where sku = $1")
        .bind::<Text, _>(sku)
        .get_results(tx.conn())
        .await?;
    let rules = |row: Row| Rules {
        low_stock_threshold: row.low_stock_threshold,
        minimum: row.minimum,
        maximum: row.maximum,
        step: row.step,
        hold_seconds: row.hold_seconds,
        updated_at: Some(row.updated_at),
    };
    Ok(rows.into_iter().next().map(rules).unwrap_or_default())
}

/// Sets the rules of a SKU, all at once.
pub async fn upsert(tx: &mut Tx, sku: &Sku, rules: &Rules) -> Result<(), Fault> {
    statement(
        "insert into sku_rules
           (sku, low_stock_threshold, minimum, maximum, step, hold_seconds, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (sku) do update
         set low_stock_threshold = excluded.low_stock_threshold, minimum = excluded.minimum,
             maximum = excluded.maximum, step = excluded.step,
             hold_seconds = excluded.hold_seconds, updated_at = excluded.updated_at",
    )
    .bind::<Text, _>(sku)
    .bind::<Nullable<BigInt>, _>(rules.low_stock_threshold)
    .bind::<BigInt, _>(rules.minimum)
    .bind::<BigInt, _>(rules.maximum)
    .bind::<BigInt, _>(rules.step)
    .bind::<Integer, _>(rules.hold_seconds)
    .bind::<Nullable<Timestamptz>, _>(rules.updated_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}
