//! The only writer of documents: merges a batch of entries and hands out revisions.

use crate::domain::entry::{Entry, Filing, Section, newest};
use crate::store::warehouses;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::{Tx, statement};
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// Locks the rows of products, making those that are not there, in the order of their ids; returns which of them were received
/// already.
pub async fn lock_products(
    tx: &mut Tx,
    ids: &BTreeSet<Uuid>,
) -> Result<HashMap<Uuid, bool>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        product_id: Uuid,
        #[diesel(sql_type = Bool)]
        known: bool,
    }
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let sorted: Vec<Uuid> = ids.iter().copied().collect();
    statement(
        "insert into documents (product_id) select id from unnest($1) as id order by id
         on conflict do nothing",
    )
    .bind::<Array<SqlUuid>, _>(&sorted)
    .execute(tx.conn())
    .await?;
    let rows: Vec<Row> = statement(
        "select product_id, known from documents where product_id = any ($1)
         order by product_id for update",
    )
    .bind::<Array<SqlUuid>, _>(&sorted)
    .get_results(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.product_id, row.known)).collect())
}

/// Writes the entries that are newer than the stored ones, updates their products' rows, and gives every affected document the next
/// revision. The rows of the entries' products are locked. Returns how many entries were newer.
pub async fn merge(tx: &mut Tx, entries: Vec<Entry>) -> Result<usize, Fault> {
    let entries = newest(entries);
    let mut turned = warehouses::turned(tx, &entries).await?;
    let news = write(tx, &entries).await?;
    let changed: Vec<&Entry> =
        entries.iter().filter(|entry| news.contains(&(entry.section, entry.source_id))).collect();
    file(tx, &changed).await?;
    turned.retain(|id| news.contains(&(Section::Warehouse, *id)));
    announce(tx, &changed, &turned).await?;
    Ok(changed.len())
}

/// Notifies followers of changes: every affected document gets the next revision. `turned` are the warehouses that ship now and may not
/// have before, or the reverse.
pub(super) async fn announce(
    tx: &mut Tx,
    changed: &[&Entry],
    turned: &[Uuid],
) -> Result<(), Fault> {
    note_shared(tx, changed).await?;
    let mut touched: BTreeSet<Uuid> = changed.iter().filter_map(|entry| entry.product_id).collect();
    touched.extend(sharers(tx, changed).await?);
    touched.extend(warehouses::stocked(tx, turned).await?);
    touched.extend(super::definitions::users(tx, changed).await?);
    revise(tx, &touched).await
}

async fn write(tx: &mut Tx, entries: &[Entry]) -> Result<BTreeSet<(Section, Uuid)>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        section: String,
        #[diesel(sql_type = SqlUuid)]
        source_id: Uuid,
    }
    let rows: Vec<Row> = statement(
        "insert into entries as e (section, source_id, version, product_id, body, warehouse_id)
         select * from unnest($1, $2, $3, $4, $5, $6)
         on conflict (section, source_id) do update
         set version = excluded.version, body = excluded.body
         where e.version < excluded.version
         returning section, source_id",
    )
    .bind::<Array<Text>, _>(entries.iter().map(|e| e.section.name()).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(entries.iter().map(|e| e.source_id).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(entries.iter().map(|e| e.version).collect::<Vec<_>>())
    .bind::<Array<Nullable<SqlUuid>>, _>(entries.iter().map(|e| e.product_id).collect::<Vec<_>>())
    .bind::<Array<Nullable<Binary>>, _>(
        entries.iter().map(|e| e.body.as_deref()).collect::<Vec<_>>(),
    )
    .bind::<Array<Nullable<SqlUuid>>, _>(entries.iter().map(|e| e.warehouse_id).collect::<Vec<_>>())
    .get_results(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| Some((Section::of(&row.section)?, row.source_id)))
        .collect())
}

/// Copies brand and categories into the rows of products, so that they can be queried, and marks the products as received.
pub(super) async fn file(tx: &mut Tx, changed: &[&Entry]) -> Result<(), Fault> {
    let filed: Vec<(Uuid, &Filing)> = changed
        .iter()
        .filter_map(|entry| Some((entry.source_id, entry.filing.as_ref()?)))
        .collect();
    if filed.is_empty() {
        return Ok(());
    }
    // UNNEST flattens arrays of arrays, so each list of categories travels as text.
    let categories: Vec<String> = filed
        .iter()
        .map(|(_, filing)| {
            let ids: Vec<String> = filing.category_ids.iter().map(Uuid::to_string).collect();
            format!("{{{}}}", ids.join(","))
        })
        .collect();
    statement(
        "update documents d
         set known = true, brand_id = f.brand_id, category_ids = f.categories::uuid[], shown = f.shown
         from unnest($1, $2, $3, $4) as f (product_id, brand_id, categories, shown)
         where d.product_id = f.product_id",
    )
    .bind::<Array<SqlUuid>, _>(filed.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind::<Array<Nullable<SqlUuid>>, _>(filed.iter().map(|(_, f)| f.brand_id).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(categories)
    .bind::<Array<Bool>, _>(filed.iter().map(|(_, f)| f.shown).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Products whose documents show a changed brand or category.
async fn sharers(tx: &mut Tx, changed: &[&Entry]) -> Result<Vec<Uuid>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        product_id: Uuid,
    }
    let of = |section: Section| -> Vec<Uuid> {
        changed.iter().filter(|entry| entry.section == section).map(|e| e.source_id).collect()
    };
    let (brands, categories) = (of(Section::Brand), of(Section::Category));
    if brands.is_empty() && categories.is_empty() {
        return Ok(Vec::new());
    }
    let below = super::shared::below(tx, &categories).await?;
    let rows: Vec<Row> = statement(
        "select product_id from documents where brand_id = any ($1) or category_ids && $2
         order by product_id for update",
    )
    .bind::<Array<SqlUuid>, _>(brands)
    .bind::<Array<SqlUuid>, _>(below)
    .get_results(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| row.product_id).collect())
}

/// Makes followers read brands, categories, attributes and warehouses again.
async fn note_shared(tx: &mut Tx, changed: &[&Entry]) -> Result<(), Fault> {
    if changed.iter().all(|entry| entry.product_id.is_some()) {
        return Ok(());
    }
    statement("update index_life set shared = shared + 1").execute(tx.conn()).await?;
    Ok(())
}

/// Any fixed number: it only has to be the same in every process.
const REVISION_LOCK: i64 = 0x7265_7669;

/// Assigns revisions. The lock is taken last and held until the commit, so revisions become visible in their order and a
/// follower that reads upwards never skips a row that commits late.
pub(super) async fn revise(tx: &mut Tx, touched: &BTreeSet<Uuid>) -> Result<(), Fault> {
    if touched.is_empty() {
        return Ok(());
    }
    statement("select pg_advisory_xact_lock($1)")
        .bind::<BigInt, _>(REVISION_LOCK)
        .execute(tx.conn())
        .await?;
    statement(
        "update documents set revision = nextval('document_revision') where product_id = any ($1)",
    )
    .bind::<Array<SqlUuid>, _>(touched.iter().copied().collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    Ok(())
}
