//! What items stand for. It never changes, so what the catalogue once said stays true.

use crate::domain::item::{Item, Product, Target, Variant};
use crate::schema::items;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::id::Id;
use pg::Tx;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Level of a SKU in the tables.
pub(super) const SKU: &str = "sku";
/// Level of a product in the tables.
pub(super) const PRODUCT: &str = "product";

/// Those of the items that are known here.
pub async fn find(tx: &mut Tx, wanted: &[Item]) -> Result<BTreeMap<Item, Target>, Fault> {
    let (skus, products) = names(wanted);
    let rows: Vec<(String, String, Id<Product>, Option<Id<Variant>>)> = items::table
        .filter(items::level.eq(SKU).and(items::item.eq_any(skus)))
        .or_filter(items::level.eq(PRODUCT).and(items::item.eq_any(products)))
        .select((items::level, items::item, items::product_id, items::variant_id))
        .load(tx.conn())
        .await?;
    rows.into_iter()
        .map(|(level, name, product_id, variant_id)| {
            let item = parse(&level, name, product_id)?;
            Ok((item.clone(), Target { item, product_id, variant_id }))
        })
        .collect()
}

/// Remembers what items stand for. In the order of the items, so that two who learn the same do not block each other.
pub async fn insert(tx: &mut Tx, targets: &[Target]) -> Result<(), Fault> {
    let levels: Vec<&str> = targets.iter().map(|target| level(&target.item)).collect();
    let names: Vec<String> = targets.iter().map(|target| target.item.to_string()).collect();
    let products: Vec<Uuid> = targets.iter().map(|target| target.product_id.uuid()).collect();
    let variants: Vec<Option<Uuid>> =
        targets.iter().map(|target| target.variant_id.map(Id::uuid)).collect();
    sql_query(
        "insert into items (level, item, product_id, variant_id)
         select * from unnest($1, $2, $3, $4) as learned (level, item, product_id, variant_id)
         order by item, level
         on conflict do nothing",
    )
    .bind::<Array<Text>, _>(levels)
    .bind::<Array<Text>, _>(names)
    .bind::<Array<SqlUuid>, _>(products)
    .bind::<Array<Nullable<SqlUuid>>, _>(variants)
    .execute(tx.conn())
    .await?;
    Ok(())
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

fn parse(level: &str, name: String, product_id: Id<Product>) -> Result<Item, Fault> {
    match level {
        SKU => name.try_into().map(Item::Sku).map_err(Fault::internal),
        _ => Ok(Item::Product(product_id)),
    }
}
