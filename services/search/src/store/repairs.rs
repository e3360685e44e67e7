//! Repairs of entries and documents. They take the same locks as events, in the same order, and assign revisions in the same way: so a
//! follower skips nothing, and a concurrent event sees the state before or after the repair.

use super::entries::{announce, file, lock_products, revise};
use crate::domain::entry::{Entry, Filing, Section};
use crate::store::warehouses;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::{Tx, statement};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Sets entries that still have these versions to version 0, so that any event counts as newer. Their content is shown until then,
/// so nothing disappears for customers.
pub async fn reset_versions(
    tx: &mut Tx,
    section: Section,
    entries: &[(Uuid, i64)],
) -> Result<(), Fault> {
    lock(tx, section, entries).await?;
    let (ids, versions) = columns(entries);
    statement(
        "update entries set version = 0 from unnest($2, $3) as wrong (id, version)
         where entries.section = $1 and entries.source_id = wrong.id
           and entries.version = wrong.version",
    )
    .bind::<Text, _>(section.name())
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<BigInt>, _>(versions)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes entries that still have these versions. A removed product is treated as one that was never received.
pub async fn forget(tx: &mut Tx, section: Section, entries: &[(Uuid, i64)]) -> Result<(), Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        source_id: Uuid,
        #[diesel(sql_type = Nullable<SqlUuid>)]
        product_id: Option<Uuid>,
        #[diesel(sql_type = Nullable<Binary>)]
        body: Option<Vec<u8>>,
    }
    if entries.is_empty() {
        return Ok(());
    }
    warehouses::take_turns(tx, section == Section::Warehouse).await?;
    lock(tx, section, entries).await?;
    let (ids, versions) = columns(entries);
    let rows: Vec<Row> = statement(
        "delete from entries using unnest($2, $3) as orphan (id, version)
         where entries.section = $1 and entries.source_id = orphan.id
           and entries.version = orphan.version
         returning source_id, product_id, body",
    )
    .bind::<Text, _>(section.name())
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<BigInt>, _>(versions)
    .get_results(tx.conn())
    .await?;
    // What it was says which documents change by its end.
    let gone = |row: &Row| Entry {
        body: row.body.clone(),
        ..gone(section, row.source_id, row.product_id)
    };
    let gone: Vec<Entry> = rows.iter().map(gone).collect();
    if section == Section::Product {
        unfile(tx, rows.iter().map(|row| row.source_id).collect()).await?;
    }
    let turned = gone.iter().filter(|entry| entry.section == Section::Warehouse);
    let turned: Vec<Uuid> = turned.map(|entry| entry.source_id).collect();
    announce(tx, &gone.iter().collect::<Vec<_>>(), &turned).await
}

/// The entries of products, deleted ones too; the products are locked.
pub async fn products(tx: &mut Tx, ids: &BTreeSet<Uuid>) -> Result<Vec<Entry>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        source_id: Uuid,
        #[diesel(sql_type = Nullable<Binary>)]
        body: Option<Vec<u8>>,
    }
    let rows: Vec<Row> = statement(
        "select source_id, body from entries where section = 'product' and source_id = any ($1)",
    )
    .bind::<Array<SqlUuid>, _>(ids.iter().copied().collect::<Vec<_>>())
    .get_results(tx.conn())
    .await?;
    let entry = |Row { source_id, body }: Row| Entry {
        body,
        ..gone(Section::Product, source_id, Some(source_id))
    };
    Ok(rows.into_iter().map(entry).collect())
}

/// Sets the rows of locked products from their entries, those without one as never received, and gives all new revisions.
pub async fn refile(tx: &mut Tx, ids: &BTreeSet<Uuid>, filed: &[Entry]) -> Result<(), Fault> {
    let come: BTreeSet<Uuid> = filed.iter().map(|entry| entry.source_id).collect();
    file(tx, &filed.iter().collect::<Vec<_>>()).await?;
    unfile(tx, ids.difference(&come).copied().collect()).await?;
    revise(tx, ids).await
}

async fn unfile(tx: &mut Tx, ids: Vec<Uuid>) -> Result<(), Fault> {
    statement(
        "update documents set known = false, shown = false, brand_id = null, category_ids = '{}'
         where product_id = any ($1)",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Locks the products that entries belong to. An entry never changes its product, so it can be read before the lock.
async fn lock(tx: &mut Tx, section: Section, entries: &[(Uuid, i64)]) -> Result<(), Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        product_id: Uuid,
    }
    let rows: Vec<Row> = statement(
        "select distinct product_id from entries
         where section = $1 and source_id = any ($2) and product_id is not null",
    )
    .bind::<Text, _>(section.name())
    .bind::<Array<SqlUuid>, _>(columns(entries).0)
    .get_results(tx.conn())
    .await?;
    lock_products(tx, &rows.into_iter().map(|row| row.product_id).collect()).await?;
    Ok(())
}

fn columns(entries: &[(Uuid, i64)]) -> (Vec<Uuid>, Vec<i64>) {
    entries.iter().copied().unzip()
}

/// An entry without a version and a body.
fn gone(section: Section, source_id: Uuid, product_id: Option<Uuid>) -> Entry {
    let filing = (section == Section::Product).then(Filing::default);
    Entry { section, source_id, version: 0, product_id, body: None, warehouse_id: None, filing }
}
