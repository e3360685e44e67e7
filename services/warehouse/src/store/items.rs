//! What the catalogue has. `events/` keeps the copy; what is asked of the catalogue before its event came is added.

use crate::domain::item::{Item, Product, Variant};
use crate::schema::items;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::id::Id;
use kernel::sku::Sku;
use pg::{Columns, Tx, statement};
use std::collections::BTreeMap;

#[derive(QueryableByName)]
#[diesel(table_name = items, check_for_backend(diesel::pg::Pg))]
struct Row {
    sku: Sku,
    variant_id: Id<Variant>,
    product_id: Id<Product>,
    deleted_at: Option<DateTime<Utc>>,
}

/// Those of the SKUs that are known here.
pub async fn find(tx: &mut Tx, skus: &[Sku]) -> Result<BTreeMap<Sku, Item>, Fault> {
    let rows: Vec<Row> =
        statement("select sku, variant_id, product_id, deleted_at from items where sku = any($1)")
            .bind::<Array<Text>, _>(skus)
            .get_results(tx.conn())
            .await?;
    let item = |row: Row| {
        let is_deleted = row.deleted_at.is_some();
        let item = Item {
            sku: row.sku.clone(),
            variant_id: row.variant_id,
            product_id: row.product_id,
            is_deleted,
        };
        (row.sku, item)
    };
    Ok(rows.into_iter().map(item).collect())
}

/// Adds items, unless they are here.
pub async fn insert(tx: &mut Tx, items: &[Item]) -> Result<(), Fault> {
    let mut sorted: Vec<&Item> = items.iter().collect();
    sorted.sort_by(|left, right| left.sku.cmp(&right.sku));
    columns(sorted).insert_new(tx).await?;
    Ok(())
}

/// Keeps items that exist. Two variants may have had the same SKU one after the other: the later one has it.
pub async fn keep(tx: &mut Tx, items: &[Item]) -> Result<(), Fault> {
    let by_sku: BTreeMap<&Sku, &Item> = items.iter().map(|item| (&item.sku, item)).collect();
    if by_sku.is_empty() {
        return Ok(());
    }
    let query = columns(by_sku.into_values()).with(|values, names| {
        format!(
            "insert into items ({names}) select * from unnest({values}) on conflict (sku) do update
             set variant_id = excluded.variant_id, product_id = excluded.product_id, deleted_at = null"
        )
    });
    query.execute(tx.conn()).await?;
    Ok(())
}

/// Marks the items of variants as deleted.
pub async fn mark_deleted(
    tx: &mut Tx,
    variant_ids: &[Id<Variant>],
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    statement("update items set deleted_at = $2 where variant_id = any($1) and deleted_at is null")
        .bind::<Array<SqlUuid>, _>(variant_ids)
        .bind::<Timestamptz, _>(at)
        .execute(tx.conn())
        .await?;
    Ok(())
}

fn columns<'a>(items: impl IntoIterator<Item = &'a Item>) -> Columns<'a, Item> {
    Columns::of("items", "sku", items)
        .column::<Text, _>("sku", |own| own.sku.as_str())
        .column::<SqlUuid, _>("variant_id", |own| own.variant_id)
        .column::<SqlUuid, _>("product_id", |own| own.product_id)
        .column::<Nullable<Timestamptz>, _>("deleted_at", |own| {
            own.is_deleted.then_some(DateTime::<Utc>::UNIX_EPOCH)
        })
}
