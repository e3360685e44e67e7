//! Variants.

use super::race;
use super::values::{self, Owner};
use crate::domain::change::Change;
use crate::domain::free::Free;
use crate::domain::product::Product;
use crate::domain::variant::{Content, Options, Tier1, Variant};
use crate::schema::variants;
use crate::wire;
use chrono::{DateTime, Utc};
use contracts::catalog::v1::Reason;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{
    Array, BigInt, Binary, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::id::Id;
use kernel::sku::Sku;
use pg::{Tx, outbox, statement};
use serde_json::Value as Json;
use std::collections::HashMap;

#[derive(QueryableByName)]
#[diesel(check_for_backend(Pg))]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Id<Variant>,
    #[diesel(sql_type = SqlUuid)]
    product_id: Id<Product>,
    #[diesel(sql_type = Text)]
    sku: Sku,
    #[diesel(sql_type = Text)]
    color: String,
    #[diesel(sql_type = Text)]
    size: String,
    #[diesel(sql_type = Text)]
    material: String,
    #[diesel(sql_type = Text)]
    gender: String,
    #[diesel(sql_type = Text)]
    age_group: String,
    #[diesel(sql_type = BigInt)]
    weight_grams: i64,
    #[diesel(sql_type = Jsonb)]
    specifications: Json,
    #[diesel(sql_type = Jsonb)]
    marketing_content: Json,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    updated_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    deleted_at: Option<DateTime<Utc>>,
    #[diesel(embed)]
    held: values::Row,
}

impl Row {
    fn variant(self) -> Result<Variant, Fault> {
        let content = Content {
            tier1: Tier1 {
                color: self.color,
                size: self.size,
                material: self.material,
                gender: self.gender,
                age_group: self.age_group,
                weight_grams: self.weight_grams,
            },
            values: self.held.values()?,
            specifications: Free::from(self.specifications),
            marketing_content: Free::from(self.marketing_content),
        };
        Ok(Variant {
            id: self.id,
            product_id: self.product_id,
            sku: self.sku,
            content,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
            deleted_at: self.deleted_at,
        })
    }
}

/// Reads whole variants by one statement; `which` yields their ids.
fn select(which: &str) -> String {
    let join = values::JOIN;
    format!(
        "select owner.*, held.* from variants owner {join}
         where owner.id = any({which}) order by owner.id"
    )
}

/// The named variants, deleted ones too, by id.
pub async fn of(tx: &mut Tx, ids: &[Id<Variant>]) -> Result<Vec<Variant>, Fault> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> =
        statement(select("$1")).bind::<Array<SqlUuid>, _>(ids).get_results(tx.conn()).await?;
    rows.into_iter().map(Row::variant).collect()
}

/// A variant that exists.
pub async fn get(tx: &mut Tx, id: Id<Variant>) -> Result<Variant, Fault> {
    live(of(tx, &[id]).await?, id)
}

/// The variant of a SKU that exists.
pub async fn get_by_sku(tx: &mut Tx, sku: &Sku) -> Result<Variant, Fault> {
    let id: Option<Id<Variant>> = variants::table
        .filter(variants::sku.eq(sku))
        .select(variants::id)
        .first(tx.conn())
        .await
        .optional()?;
    match id {
        Some(id) => live(of(tx, &[id]).await?, sku),
        None => Err(not_found(sku)),
    }
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

/// Locks a variant that exists.
pub async fn lock(tx: &mut Tx, id: Id<Variant>) -> Result<Variant, Fault> {
    live(lock_all(tx, &[id]).await?, id)
}

async fn lock_all(tx: &mut Tx, ids: &[Id<Variant>]) -> Result<Vec<Variant>, Fault> {
    statement("select from variants where id = any($1) order by id for update")
        .bind::<Array<SqlUuid>, _>(ids)
        .execute(tx.conn())
        .await?;
    of(tx, ids).await
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
    lock_all(tx, &ids).await
}

/// Locks the variants of the SKUs, deleted ones too.
pub async fn lock_skus(tx: &mut Tx, skus: &[&Sku]) -> Result<Vec<Variant>, Fault> {
    let ids: Vec<Id<Variant>> = variants::table
        .filter(variants::sku.eq_any(skus))
        .select(variants::id)
        .load(tx.conn())
        .await?;
    lock_all(tx, &ids).await
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
    let sql = select(
        "array(select id from variants
               where product_id = $3 and id > $1 and deleted_at is null order by id limit $2)",
    );
    let rows: Vec<Row> = statement(sql)
        .bind::<SqlUuid, _>(after)
        .bind::<BigInt, _>(limit)
        .bind::<SqlUuid, _>(product)
        .get_results(tx.conn())
        .await?;
    rows.into_iter().map(Row::variant).collect()
}

/// A page of all variants, deleted ones too, by id.
pub async fn list_all(tx: &mut Tx, after: Id<Variant>, limit: i64) -> Result<Vec<Variant>, Fault> {
    let sql = select("array(select id from variants where id > $1 order by id limit $2)");
    let rows: Vec<Row> = statement(sql)
        .bind::<SqlUuid, _>(after)
        .bind::<BigInt, _>(limit)
        .get_results(tx.conn())
        .await?;
    rows.into_iter().map(Row::variant).collect()
}

/// Product, variant and whether it has been deleted, of each SKU that was ever there.
pub async fn states(
    tx: &mut Tx,
    skus: &[Sku],
) -> Result<HashMap<Sku, (Id<Product>, Id<Variant>, bool)>, Fault> {
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

fn live(variants: Vec<Variant>, name: impl std::fmt::Display) -> Result<Variant, Fault> {
    let found = variants.into_iter().find(|variant| variant.deleted_at.is_none());
    found.ok_or_else(|| not_found(name))
}

/// Refuses a name that no variant has.
pub fn not_found(name: impl std::fmt::Display) -> Fault {
    Fault::new(Reason::VariantNotFound, format!("there is no variant {name}"))
}

/// Writes a variant and tells of its change; without a change it does nothing.
pub async fn save(tx: &mut Tx, variant: &Variant, change: Option<&Change>) -> Result<(), Fault> {
    match change {
        Some(change) => save_all(tx, &[(variant, change)]).await,
        None => Ok(()),
    }
}

/// Writes locked or new variants and tells of their changes.
pub async fn save_all(tx: &mut Tx, changes: &[(&Variant, &Change)]) -> Result<(), Fault> {
    if changes.is_empty() {
        return Ok(());
    }
    part_options(tx, changes).await?;
    upsert(tx, changes).await?;
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for (variant, change) in changes {
        let touched = change.touches("tier2_attributes");
        if touched && **change != Change::Created {
            old.push(variant.id.uuid());
        }
        if touched && **change != Change::Deleted {
            new.push((variant.id.uuid(), &variant.content.values));
        }
    }
    values::clear(tx, &old).await?;
    values::insert(tx, Owner::Variant, new).await?;
    outbox::append(tx, changes.iter().map(|(own, change)| wire::variant::fact(own, change))).await
}

/// Variants that swap options would meet half-way, since a unique index looks at each row by itself. So all that change theirs
/// first step aside, each to a place that no other can have.
async fn part_options(tx: &mut Tx, changes: &[(&Variant, &Change)]) -> Result<(), Fault> {
    let moves = |change: &Change| {
        matches!(change, Change::Updated(_))
            && (change.touches("tier1_attributes") || change.touches("tier2_attributes"))
    };
    let moving = changes.iter().filter(|(_, change)| moves(change));
    let moving: Vec<_> = moving.map(|(variant, _)| variant.id).collect();
    if changes.len() < 2 || moving.is_empty() {
        return Ok(());
    }
    statement("update variants set options_hash = uuid_send(id) where id = any($1)")
        .bind::<Array<SqlUuid>, _>(moving)
        .execute(tx.conn())
        .await?;
    Ok(())
}

async fn upsert(tx: &mut Tx, changes: &[(&Variant, &Change)]) -> Result<(), Fault> {
    let mut sorted: Vec<&Variant> = changes.iter().map(|(variant, _)| *variant).collect();
    // Two imports that create the same SKUs wait for each other in one direction only.
    sorted.sort_by(|left, right| left.sku.cmp(&right.sku));
    let variants = || sorted.iter();
    let contents = || variants().map(|own| &own.content);
    let tier1 = || contents().map(|own| &own.tier1);
    statement(
        "insert into variants (id, product_id, sku, color, size, material, gender, age_group,
           weight_grams, specifications, marketing_content, options_hash, version, created_at,
           updated_at, deleted_at)
         select * from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         on conflict (id) do update set color = excluded.color, size = excluded.size,
           material = excluded.material, gender = excluded.gender,
           age_group = excluded.age_group, weight_grams = excluded.weight_grams,
           specifications = excluded.specifications,
           marketing_content = excluded.marketing_content,
           options_hash = excluded.options_hash, version = excluded.version,
           updated_at = excluded.updated_at, deleted_at = excluded.deleted_at",
    )
    .bind::<Array<SqlUuid>, _>(variants().map(|own| own.id).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(variants().map(|own| own.product_id).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(variants().map(|own| &own.sku).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(tier1().map(|own| &*own.color).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(tier1().map(|own| &*own.size).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(tier1().map(|own| &*own.material).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(tier1().map(|own| &*own.gender).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(tier1().map(|own| &*own.age_group).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(tier1().map(|own| own.weight_grams).collect::<Vec<_>>())
    .bind::<Array<Jsonb>, _>(contents().map(|own| own.specifications.json()).collect::<Vec<_>>())
    .bind::<Array<Jsonb>, _>(contents().map(|own| own.marketing_content.json()).collect::<Vec<_>>())
    .bind::<Array<Binary>, _>(contents().map(|own| own.options().0.to_vec()).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(variants().map(|own| own.version).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(variants().map(|own| own.created_at).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(variants().map(|own| own.updated_at).collect::<Vec<_>>())
    .bind::<Array<Nullable<Timestamptz>>, _>(
        variants().map(|own| own.deleted_at).collect::<Vec<_>>(),
    )
    .execute(tx.conn())
    .await
    .map_err(race)?;
    Ok(())
}

/// Publishes variants again as they are, deleted ones too; returns which there are. They are locked against a change, so that no
/// newer version is published before.
pub async fn republish(tx: &mut Tx, ids: &[Id<Variant>]) -> Result<Vec<Id<Variant>>, Fault> {
    let found = lock_all(tx, ids).await?;
    let fact = |own: &Variant| wire::variant::fact(own, &Change::again(own.deleted_at.is_some()));
    outbox::append(tx, found.iter().map(fact)).await?;
    Ok(found.iter().map(|own| own.id).collect())
}
