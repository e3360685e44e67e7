//! The ids of items. They never change, so what the catalogue once returned stays valid until the item is deleted.

use crate::domain::item::{Item, Items, Known, Product, Target, Variant};
use crate::schema::items;
use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::{Common, Fault};
use kernel::id::Id;
use pg::{Columns, Tx, statement};
use std::collections::BTreeSet;

/// Level of a SKU in the tables.
pub(super) const SKU: &str = "sku";
/// Level of a product in the tables.
pub(super) const PRODUCT: &str = "product";

/// Those of the items that are known here.
pub async fn find(tx: &mut Tx, wanted: &[Item]) -> Result<Items, Fault> {
    let (skus, products) = names(wanted);
    let rows: Vec<Row> = items::table
        .filter(items::level.eq(SKU).and(items::item.eq_any(skus)))
        .or_filter(items::level.eq(PRODUCT).and(items::item.eq_any(products)))
        .select(Row::as_select())
        .load(tx.conn())
        .await?;
    rows.into_iter().map(Row::known).collect()
}

/// Remembers what items stand for. They are inserted in the order of the items, so that two transactions with
/// the same items do not deadlock.
pub async fn insert(tx: &mut Tx, targets: &[Target]) -> Result<(), Fault> {
    columns(targets).insert_new(tx).await?;
    Ok(())
}

/// Locks items, which are inserted where they are new, against their deletion; returns those that are deleted already. Each
/// is given once, in the order of the items.
pub async fn hold(tx: &mut Tx, targets: &BTreeSet<&Target>) -> Result<BTreeSet<Item>, Fault> {
    #[derive(QueryableByName)]
    #[diesel(check_for_backend(Pg))]
    struct Held {
        #[diesel(sql_type = Text)]
        level: String,
        #[diesel(sql_type = Text)]
        item: String,
        #[diesel(sql_type = Bool)]
        deleted: bool,
    }
    // A deletion updates the row, which a lock by `for key share` would let pass.
    let query = columns(targets.iter().copied()).with(|values, names| {
        format!(
            "with wanted as (select * from unnest({values}) as wanted ({names})),
             held as (
                 select i.level, i.item, i.deleted_at is not null as deleted
                 from items i join wanted on i.item = wanted.item and i.level = wanted.level
                 order by i.item, i.level for share of i
             ),
             added as (
                 insert into items ({names}) select * from wanted
                 where (item, level) not in (select held.item, held.level from held)
                 order by item, level on conflict do nothing returning level, item
             )
             select level, item, deleted from held union all select level, item, false from added"
        )
    });
    let held: Vec<Held> = query.get_results(tx.conn()).await?;
    if held.len() < targets.len() {
        return Err(Fault::new(Common::Contended, "another call got in the way; repeat it"));
    }
    held.into_iter().filter(|row| row.deleted).map(|row| item(&row.level, row.item)).collect()
}

/// Marks an item as deleted, also one that was not known here: a price that is being set must find it so.
pub async fn mark_deleted(tx: &mut Tx, target: &Target, at: DateTime<Utc>) -> Result<(), Fault> {
    statement(
        "insert into items (level, item, product_id, variant_id, deleted_at)
         values ($1, $2, $3, $4, $5)
         on conflict (item, level) do update set deleted_at = excluded.deleted_at
         where items.deleted_at is null",
    )
    .bind::<Text, _>(level(&target.item))
    .bind::<Text, _>(target.item.to_string())
    .bind::<SqlUuid, _>(target.product_id)
    .bind::<Nullable<SqlUuid>, _>(target.variant_id)
    .bind::<Timestamptz, _>(at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

fn columns<'a>(targets: impl IntoIterator<Item = &'a Target>) -> Columns<'a, Target> {
    Columns::of("items", "item", targets)
        .column::<Text, _>("level", |target| level(&target.item))
        .column::<Text, _>("item", |target| target.item.to_string())
        .column::<SqlUuid, _>("product_id", |target| target.product_id)
        .column::<Nullable<SqlUuid>, _>("variant_id", |target| target.variant_id)
}

/// SKUs and product ids, as the tables hold them.
pub(super) fn names<'i>(items: impl IntoIterator<Item = &'i Item>) -> (Vec<String>, Vec<String>) {
    let (mut skus, mut products) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Item::Sku(sku) => skus.push(sku.to_string()),
            Item::Product(id) => products.push(id.to_string()),
        }
    }
    (skus, products)
}

/// The level of an item, as the tables hold it.
pub(super) fn level(item: &Item) -> &'static str {
    match item {
        Item::Sku(_) => SKU,
        Item::Product(_) => PRODUCT,
    }
}

/// The item that a row is about.
fn item(level: &str, name: String) -> Result<Item, Fault> {
    match level {
        SKU => name.try_into().map(Item::Sku).map_err(Fault::internal),
        _ => Id::parse(&name).map(Item::Product).map_err(Fault::internal),
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = items, check_for_backend(Pg))]
struct Row {
    level: String,
    item: String,
    product_id: Id<Product>,
    variant_id: Option<Id<Variant>>,
    deleted_at: Option<DateTime<Utc>>,
}

impl Row {
    fn known(self) -> Result<(Item, Known), Fault> {
        let Self { level, item, product_id, variant_id, deleted_at } = self;
        let item = self::item(&level, item)?;
        let known = match deleted_at {
            Some(_) => Known::Deleted,
            None => Known::Live(Target { item: item.clone(), product_id, variant_id }),
        };
        Ok((item, known))
    }
}
