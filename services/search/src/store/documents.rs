//! Documents as the follower reads them.

use crate::domain::entry::{Entry, Section};
use crate::engine::Checkpoint;
use crate::schema::{documents, entries, index_life};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::{Tx, statement};
use std::collections::HashMap;
use uuid::Uuid;

/// A document to index: its revision and its entries; without entries it is to be removed.
#[derive(Debug)]
pub struct Stored {
    /// Product that it is of.
    pub product_id: Uuid,
    /// Its revision.
    pub revision: i64,
    /// The current entries of its sources.
    pub entries: Vec<Entry>,
}

/// Whether there is nothing to index after a checkpoint.
pub async fn is_at(tx: &mut Tx, epoch: i64, revision: i64) -> Result<bool, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Bool)]
        same: bool,
    }
    let row: Row = statement(
        "select epoch = $1 and not exists (select from documents where revision > $2) as same
         from index_life",
    )
    .bind::<BigInt, _>(epoch)
    .bind::<BigInt, _>(revision)
    .get_result(tx.conn())
    .await?;
    Ok(row.same)
}

/// Which of these products have documents that an index at a checkpoint has still to take over: all of them if it is the index of
/// other tables.
pub async fn above(tx: &mut Tx, at: Checkpoint, products: &[Uuid]) -> Result<Vec<Uuid>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        product_id: Uuid,
    }
    let rows: Vec<Row> = statement(
        "select product_id from documents where product_id = any($1)
         and (revision > $2 or (select epoch from index_life) <> $3)",
    )
    .bind::<Array<SqlUuid>, _>(products)
    .bind::<BigInt, _>(at.revision)
    .bind::<BigInt, _>(at.epoch)
    .get_results(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| row.product_id).collect())
}

/// The next documents after a revision, in the order of revisions.
pub async fn after(tx: &mut Tx, revision: i64, limit: i64) -> Result<Vec<Stored>, Fault> {
    let rows: Vec<(Uuid, i64)> = documents::table
        .filter(documents::revision.gt(revision))
        .order(documents::revision)
        .limit(limit)
        .select((documents::product_id, documents::revision))
        .load(tx.conn())
        .await?;
    let ids: Vec<Uuid> = rows.iter().map(|(id, _)| *id).collect();
    let mut found = of_products(tx, &ids).await?;
    Ok(rows
        .into_iter()
        .map(|(product_id, revision)| Stored {
            product_id,
            revision,
            entries: found.remove(&product_id).unwrap_or_default(),
        })
        .collect())
}

async fn of_products(tx: &mut Tx, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<Entry>>, Fault> {
    type Row = (String, Uuid, i64, Option<Uuid>, Option<Vec<u8>>);
    let rows: Vec<Row> = entries::table
        .filter(entries::product_id.eq_any(ids).and(entries::body.is_not_null()))
        .select((
            entries::section,
            entries::source_id,
            entries::version,
            entries::product_id,
            entries::body,
        ))
        .load(tx.conn())
        .await?;
    let mut found: HashMap<Uuid, Vec<Entry>> = HashMap::new();
    for (section, source_id, version, product_id, body) in rows {
        let (Some(section), Some(product)) = (Section::of(&section), product_id) else { continue };
        let (warehouse_id, filing) = (None, None);
        let entry = Entry { section, source_id, version, product_id, body, warehouse_id, filing };
        found.entry(product).or_default().push(entry);
    }
    Ok(found)
}

/// The state of the tables that an index is built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableState {
    /// Identifies the tables: it changes when they are created anew, and revisions start over.
    pub epoch: i64,
    /// How often brands, categories, attributes and warehouses have changed in this epoch.
    pub shared: i64,
}

/// Reads the state of the tables.
pub async fn table_state(tx: &mut Tx) -> Result<TableState, Fault> {
    let state = index_life::table.select((index_life::epoch, index_life::shared));
    let (epoch, shared) = state.first(tx.conn()).await?;
    Ok(TableState { epoch, shared })
}

/// The first documents above an id that an index must hold: product and revision, by product.
pub async fn shown(
    tx: &mut Tx,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<(Uuid, i64)>, Fault> {
    let mut query = documents::table
        .filter(documents::shown)
        .order(documents::product_id)
        .limit(limit)
        .select((documents::product_id, documents::revision))
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(documents::product_id.gt(after));
    }
    Ok(query.load(tx.conn()).await?)
}

/// The product of any document.
pub async fn some_id(tx: &mut Tx) -> Result<Option<Uuid>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Uuid)]
        product_id: Uuid,
    }
    let row: Option<Row> = statement(
        "select product_id from documents order by product_id
         offset (select floor(random() * count(*)) from documents) limit 1",
    )
    .get_result(tx.conn())
    .await
    .optional()?;
    Ok(row.map(|row| row.product_id))
}
