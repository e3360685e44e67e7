//! Variants.

use super::values::{self, Owner};
use super::{list, race};
use crate::domain::free::Free;
use crate::domain::product::Product;
use crate::domain::variant::{Content, Options, Tier1, Variant};
use crate::schema::variants;
use catalog_api::v1::Reason;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Binary, Jsonb, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::head::{Change, Head};
use kernel::id::Id;
use kernel::sku::Sku;
use pg::entity::{self, Lock, Stored};
use pg::{Columns, Tx, statement};
use serde_json::Value as Json;
use std::cmp::Ordering;
use std::collections::HashMap;

/// A variant as it is read.
#[derive(QueryableByName)]
#[diesel(table_name = variants)]
pub struct Row {
    #[diesel(embed)]
    head: Head<Variant>,
    product_id: Id<Product>,
    sku: Sku,
    color: String,
    size: String,
    material: String,
    gender: String,
    age_group: String,
    weight_grams: i64,
    specifications: Json,
    marketing_content: Json,
    #[diesel(embed)]
    held: values::Row,
}

impl Stored for Variant {
    const TABLE: &'static str = "variants";
    const IS_JOINED: bool = true;

    type Row = Row;

    fn select() -> String {
        format!("select owner.*, held.* from variants owner {}", values::JOIN)
    }

    fn from_row(row: Row) -> Result<Self, Fault> {
        let tier1 = Tier1 {
            color: row.color,
            size: row.size,
            material: row.material,
            gender: row.gender,
            age_group: row.age_group,
            weight_grams: row.weight_grams,
        };
        let content = Content {
            tier1,
            values: row.held.values()?,
            specifications: Free::from(row.specifications),
            marketing_content: Free::from(row.marketing_content),
        };
        Ok(Self { head: row.head, product_id: row.product_id, sku: row.sku, content })
    }

    fn columns(columns: Columns<'_, Self>) -> Columns<'_, Self> {
        columns
            .fixed::<SqlUuid, _>("product_id", |own| own.product_id)
            .fixed::<Text, _>("sku", |own| &own.sku)
            .column::<Text, _>("color", |own| &*own.content.tier1.color)
            .column::<Text, _>("size", |own| &*own.content.tier1.size)
            .column::<Text, _>("material", |own| &*own.content.tier1.material)
            .column::<Text, _>("gender", |own| &*own.content.tier1.gender)
            .column::<Text, _>("age_group", |own| &*own.content.tier1.age_group)
            .column::<BigInt, _>("weight_grams", |own| own.content.tier1.weight_grams)
            .column::<Jsonb, _>("specifications", |own| own.content.specifications.json())
            .column::<Jsonb, _>("marketing_content", |own| own.content.marketing_content.json())
            .column::<Binary, _>("options_hash", |own| own.content.options().0.to_vec())
    }

    fn order(left: &Self, right: &Self) -> Ordering {
        left.sku.cmp(&right.sku)
    }

    fn not_found(id: Id<Self>) -> Fault {
        not_found(id)
    }

    fn refused(error: Error) -> Fault {
        race(error)
    }

    async fn before_save(tx: &mut Tx, changes: &[(&Self, &Change)]) -> Result<(), Fault> {
        part_options(tx, changes).await
    }

    async fn after_save(tx: &mut Tx, changes: &[(&Self, &Change)]) -> Result<(), Fault> {
        let values =
            changes.iter().map(|(own, change)| (own.head.id.uuid(), &own.content.values, *change));
        values::save(tx, Owner::Variant, values).await?;
        list::is_due(tx, changes.iter().map(|(own, _)| own.product_id)).await
    }
}

/// The variant of a SKU that exists.
pub async fn get_by_sku(tx: &mut Tx, sku: &Sku) -> Result<Variant, Fault> {
    let id: Option<Id<Variant>> = variants::table
        .filter(variants::sku.eq(sku))
        .select(variants::id)
        .first(tx.conn())
        .await
        .optional()?;
    let found = entity::find(tx, &Vec::from_iter(id)).await?;
    let live = found.into_iter().find(|variant: &Variant| !variant.head.is_deleted());
    live.ok_or_else(|| not_found(sku))
}

/// The product of a variant; it never changes, so no lock is needed to know it.
pub async fn product_of(tx: &mut Tx, id: Id<Variant>) -> Result<Id<Product>, Fault> {
    let found: Option<Id<Product>> = variants::table
        .find(id)
        .filter(variants::deleted_at.is_null())
        .select(variants::product_id)
        .first(tx.conn())
        .await
        .optional()?;
    found.ok_or_else(|| not_found(id))
}

/// Locks up to `limit` variants of a product that is locked itself.
pub async fn lock_of_product(
    tx: &mut Tx,
    product: Id<Product>,
    limit: i64,
) -> Result<Vec<Variant>, Fault> {
    let ids: Vec<Id<Variant>> = variants::table
        .filter(variants::product_id.eq(product).and(variants::deleted_at.is_null()))
        .select(variants::id)
        .order(variants::id)
        .limit(limit)
        .load(tx.conn())
        .await?;
    entity::lock_all(tx, &ids, Lock::Deletion).await
}

/// Locks the variants of the SKUs, deleted ones too.
pub async fn lock_skus(tx: &mut Tx, skus: &[&Sku]) -> Result<Vec<Variant>, Fault> {
    let ids: Vec<Id<Variant>> = variants::table
        .filter(variants::sku.eq_any(skus))
        .select(variants::id)
        .load(tx.conn())
        .await?;
    entity::lock_all(tx, &ids, Lock::Deletion).await
}

/// How many other variants a product has.
pub async fn others(tx: &mut Tx, product: Id<Product>, than: Id<Variant>) -> Result<i64, Fault> {
    let others = variants::table
        .filter(variants::product_id.eq(product).and(variants::deleted_at.is_null()))
        .filter(variants::id.ne(than))
        .count();
    Ok(others.get_result(tx.conn()).await?)
}

/// A page of the variants of a product, by id.
pub async fn list(
    tx: &mut Tx,
    product: Id<Product>,
    after: Id<Variant>,
    limit: i64,
) -> Result<Vec<Variant>, Fault> {
    entity::list(after, limit)
        .matching::<SqlUuid, _>("owner.product_id = ?", Some(product))
        .load(tx)
        .await
}

/// Product, variant and whether it has been deleted, of each SKU that was ever there.
pub async fn states(
    tx: &mut Tx,
    skus: &[Sku],
) -> Result<HashMap<Sku, (Id<Product>, Id<Variant>, bool)>, Fault> {
    if skus.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Sku, Id<Product>, Id<Variant>, bool)> = variants::table
        .filter(variants::sku.eq_any(skus))
        .select((
            variants::sku,
            variants::product_id,
            variants::id,
            variants::deleted_at.is_not_null(),
        ))
        .load(tx.conn())
        .await?;
    Ok(rows.into_iter().map(|(sku, product, id, gone)| (sku, (product, id, gone))).collect())
}

/// Which of the wanted options are had by which live variant.
pub async fn of_options(
    tx: &mut Tx,
    wanted: &[(Id<Product>, Options)],
) -> Result<HashMap<(Id<Product>, Options), Id<Variant>>, Fault> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    #[derive(QueryableByName)]
    #[diesel(check_for_backend(Pg))]
    struct Found {
        #[diesel(sql_type = SqlUuid)]
        product_id: Id<Product>,
        #[diesel(sql_type = Binary)]
        options_hash: Vec<u8>,
        #[diesel(sql_type = SqlUuid)]
        id: Id<Variant>,
    }
    let rows: Vec<Found> = statement(
        "select v.product_id, v.options_hash, v.id from variants v
         join unnest($1, $2) as wanted (product_id, options_hash) using (product_id, options_hash)
         where v.deleted_at is null",
    )
    .bind::<Array<SqlUuid>, _>(wanted.iter().map(|(product, _)| *product).collect::<Vec<_>>())
    .bind::<Array<Binary>, _>(wanted.iter().map(|(_, own)| own.0.to_vec()).collect::<Vec<_>>())
    .get_results(tx.conn())
    .await?;
    let found = rows.into_iter().filter_map(|row| {
        let options = Options(<[u8; 32]>::try_from(row.options_hash).ok()?);
        Some(((row.product_id, options), row.id))
    });
    Ok(found.collect())
}

/// Refuses a name that no variant has.
pub fn not_found(name: impl std::fmt::Display) -> Fault {
    Fault::new(Reason::VariantNotFound, format!("there is no variant {name}"))
}

/// Variants that swap options would violate the unique index half-way, since it checks each row by itself. So all that change their
/// options first get a temporary value that no other variant can have.
async fn part_options(tx: &mut Tx, changes: &[(&Variant, &Change)]) -> Result<(), Fault> {
    let moves = |change: &Change| {
        matches!(change, Change::Updated(_))
            && (change.touches("tier1_attributes") || change.touches("tier2_attributes"))
    };
    let moving = changes.iter().filter(|(_, change)| moves(change));
    let moving: Vec<_> = moving.map(|(variant, _)| variant.head.id).collect();
    if changes.len() < 2 || moving.is_empty() {
        return Ok(());
    }
    statement("update variants set options_hash = uuid_send(id) where id = any($1)")
        .bind::<Array<SqlUuid>, _>(moving)
        .execute(tx.conn())
        .await?;
    Ok(())
}
