//! Brands.

use super::race;
use crate::domain::brand::{Brand, fold};
use crate::domain::change::Change;
use crate::schema::{brands, products};
use crate::wire;
use contracts::catalog::v1::Reason;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::id::Id;
use pg::{Tx, outbox, statement};
use std::collections::HashMap;

/// A brand that exists.
pub async fn get(tx: &mut Tx, id: Id<Brand>) -> Result<Brand, Fault> {
    let found = brands::table
        .find(id)
        .filter(brands::deleted_at.is_null())
        .select(Brand::as_select())
        .first(tx.conn())
        .await
        .optional()?;
    found.ok_or_else(|| not_found(id))
}

/// Locks a brand that exists for another name: products may go on naming it.
pub async fn lock(tx: &mut Tx, id: Id<Brand>) -> Result<Brand, Fault> {
    let found = brands::table
        .find(id)
        .filter(brands::deleted_at.is_null())
        .select(Brand::as_select())
        .for_no_key_update()
        .first(tx.conn())
        .await
        .optional()?;
    found.ok_or_else(|| not_found(id))
}

/// Locks a brand that exists for its deletion: from now on no product can come to name it.
pub async fn lock_to_delete(tx: &mut Tx, id: Id<Brand>) -> Result<Brand, Fault> {
    let found = brands::table
        .find(id)
        .filter(brands::deleted_at.is_null())
        .select(Brand::as_select())
        .for_update()
        .first(tx.conn())
        .await
        .optional()?;
    found.ok_or_else(|| not_found(id))
}

/// Locks a brand against its deletion; false: there is none.
pub async fn hold(tx: &mut Tx, id: Id<Brand>) -> Result<bool, Fault> {
    let held: Option<Id<Brand>> = brands::table
        .find(id)
        .filter(brands::deleted_at.is_null())
        .select(brands::id)
        .for_key_share()
        .first(tx.conn())
        .await
        .optional()?;
    Ok(held.is_some())
}

/// Locks the brands of these folded names against their deletion.
pub async fn hold_named(
    tx: &mut Tx,
    folded: &[String],
) -> Result<HashMap<String, Id<Brand>>, Fault> {
    let rows: Vec<(String, Id<Brand>)> = brands::table
        .filter(brands::name_folded.eq_any(folded).and(brands::deleted_at.is_null()))
        .select((brands::name_folded, brands::id))
        .order(brands::id)
        .for_key_share()
        .load(tx.conn())
        .await?;
    Ok(rows.into_iter().collect())
}

/// Whether another brand has the name.
pub async fn is_taken(tx: &mut Tx, name: &str, own: Id<Brand>) -> Result<bool, Fault> {
    let others = brands::table
        .filter(brands::name_folded.eq(fold(name)).and(brands::deleted_at.is_null()))
        .filter(brands::id.ne(own));
    Ok(diesel::select(diesel::dsl::exists(others)).get_result(tx.conn()).await?)
}

/// How many products have the brand.
pub async fn products(tx: &mut Tx, id: Id<Brand>) -> Result<i64, Fault> {
    let of_brand = products::table
        .filter(products::brand_id.eq(id).and(products::deleted_at.is_null()))
        .count();
    Ok(of_brand.get_result(tx.conn()).await?)
}

/// A page of brands that exist, by id.
pub async fn list(tx: &mut Tx, after: Id<Brand>, limit: i64) -> Result<Vec<Brand>, Fault> {
    let page = brands::table
        .filter(brands::id.gt(after).and(brands::deleted_at.is_null()))
        .select(Brand::as_select())
        .order(brands::id)
        .limit(limit);
    Ok(page.load(tx.conn()).await?)
}

/// A page of all brands, deleted ones too, by id.
pub async fn list_all(tx: &mut Tx, after: Id<Brand>, limit: i64) -> Result<Vec<Brand>, Fault> {
    let page = brands::table
        .filter(brands::id.gt(after))
        .select(Brand::as_select())
        .order(brands::id)
        .limit(limit);
    Ok(page.load(tx.conn()).await?)
}

fn not_found(id: Id<Brand>) -> Fault {
    Fault::new(Reason::BrandNotFound, format!("there is no brand {id}"))
}

/// Writes a brand and tells of its change; without a change it does nothing.
pub async fn save(tx: &mut Tx, brand: &Brand, change: Option<&Change>) -> Result<(), Fault> {
    match change {
        Some(change) => save_all(tx, &[(brand, change)]).await,
        None => Ok(()),
    }
}

/// Writes locked or new brands and tells of their changes.
pub async fn save_all(tx: &mut Tx, changes: &[(&Brand, &Change)]) -> Result<(), Fault> {
    if changes.is_empty() {
        return Ok(());
    }
    let brands = || changes.iter().map(|(brand, _)| *brand);
    statement(
        "insert into brands (id, name, name_folded, version, created_at, updated_at, deleted_at)
         select * from unnest($1, $2, $3, $4, $5, $6, $7)
         on conflict (id) do update set name = excluded.name, name_folded = excluded.name_folded,
           version = excluded.version, updated_at = excluded.updated_at,
           deleted_at = excluded.deleted_at",
    )
    .bind::<Array<SqlUuid>, _>(brands().map(|own| own.id).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(brands().map(|own| &*own.name).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(brands().map(|own| fold(&own.name)).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(brands().map(|own| own.version).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(brands().map(|own| own.created_at).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(brands().map(|own| own.updated_at).collect::<Vec<_>>())
    .bind::<Array<Nullable<Timestamptz>>, _>(brands().map(|own| own.deleted_at).collect::<Vec<_>>())
    .execute(tx.conn())
    .await
    .map_err(race)?;
    outbox::append(tx, changes.iter().map(|(own, change)| wire::brand::fact(own, change))).await
}

/// Publishes brands again as they are, deleted ones too; returns which there are. They are locked against a change, so that no
/// newer version is published before.
pub async fn republish(tx: &mut Tx, ids: &[Id<Brand>]) -> Result<Vec<Id<Brand>>, Fault> {
    let found: Vec<Brand> = brands::table
        .filter(brands::id.eq_any(ids))
        .select(Brand::as_select())
        .order(brands::id)
        .for_no_key_update()
        .load(tx.conn())
        .await?;
    let fact = |own: &Brand| wire::brand::fact(own, &Change::again(own.deleted_at.is_some()));
    outbox::append(tx, found.iter().map(fact)).await?;
    Ok(found.iter().map(|own| own.id).collect())
}
