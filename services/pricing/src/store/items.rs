//! The ids of items. They never change, so what the catalogue once returned stays valid.

use crate::domain::item::{Item, Product, Target, Variant};
use crate::schema::items;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::id::Id;
use pg::{Columns, Tx};
use std::collections::BTreeMap;

/// Level of a SKU in the tables.
pub(super) const SKU: &str = "sku";
/// Level of a product in the tables.
pub(super) const PRODUCT: &str = "product";

/// Those of the items that are known here.
pub async fn find(tx: &mut Tx, wanted: &[Item]) -> Result<BTreeMap<Item, Target>, Fault> {
    let (skus, products) = names(wanted);
    let rows: Vec<Row> = items::table
        .filter(items::level.eq(SKU).and(items::item.eq_any(skus)))
        .or_filter(items::level.eq(PRODUCT).and(items::item.eq_any(products)))
        .select(Row::as_select())
        .load(tx.conn())
        .await?;
    let targets = rows.into_iter().map(Target::try_from);
    targets.map(|target| target.map(|target| (target.item.clone(), target))).collect()
}

/// Remembers what items stand for. They are inserted in the order of the items, so that two transactions with
/// the same items do not deadlock.
pub async fn insert(tx: &mut Tx, targets: &[Target]) -> Result<(), Fault> {
    Columns::of("items", "item", targets)
        .column::<Text, _>("level", |target| level(&target.item))
        .column::<Text, _>("item", |target| target.item.to_string())
        .column::<SqlUuid, _>("product_id", |target| target.product_id)
        .column::<Nullable<SqlUuid>, _>("variant_id", |target| target.variant_id)
        .insert_new(tx)
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

#[derive(Queryable, Selectable)]
#[diesel(table_name = items, check_for_backend(Pg))]
struct Row {
    level: String,
    item: String,
    product_id: Id<Product>,
    variant_id: Option<Id<Variant>>,
}

impl TryFrom<Row> for Target {
    type Error = Fault;

    fn try_from(row: Row) -> Result<Self, Fault> {
        let Row { level, item, product_id, variant_id } = row;
        let item = match level.as_str() {
            SKU => Item::Sku(item.try_into().map_err(Fault::internal)?),
            _ => Item::Product(product_id),
        };
        Ok(Self { item, product_id, variant_id })
    }
}
