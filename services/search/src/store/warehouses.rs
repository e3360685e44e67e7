//! Which documents a warehouse changes that ships no longer, or ships again: those with stock in it.

use crate::domain::entry::{Entry, Section};
use crate::domain::stock::ships;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::{Tx, statement};
use prost::Message;
use std::collections::HashMap;
use uuid::Uuid;
use warehouse_api::v1::Warehouse;

/// Any fixed number but that of the lock for revisions.
const TURNS_LOCK: i64 = 0x7475_726e;

/// Transactions that change warehouses run one by one and beside no other, so that the documents with stock in a warehouse are all
/// committed when they are looked for. It is taken before all row locks.
pub async fn take_turns(tx: &mut Tx, with_warehouses: bool) -> Result<(), Fault> {
    let lock = match with_warehouses {
        true => statement("select pg_advisory_xact_lock($1)"),
        false => statement("select pg_advisory_xact_lock_shared($1)"),
    };
    lock.bind::<BigInt, _>(TURNS_LOCK).execute(tx.conn()).await?;
    Ok(())
}

/// The warehouses that these entries make ship, or not ship any more, if they are news. Of one that was not received before its stock
/// may have been, so it is among them.
pub async fn turned(tx: &mut Tx, entries: &[Entry]) -> Result<Vec<Uuid>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        source_id: Uuid,
        #[diesel(sql_type = Nullable<Binary>)]
        body: Option<Vec<u8>>,
    }
    let told: Vec<&Entry> =
        entries.iter().filter(|entry| entry.section == Section::Warehouse).collect();
    if told.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = statement(
        "select source_id, body from entries where section = 'warehouse' and source_id = any ($1)",
    )
    .bind::<Array<SqlUuid>, _>(told.iter().map(|entry| entry.source_id).collect::<Vec<_>>())
    .get_results(tx.conn())
    .await?;
    let before: HashMap<Uuid, Option<Vec<u8>>> =
        rows.into_iter().map(|row| (row.source_id, row.body)).collect();
    let mut turned = Vec::new();
    for entry in told {
        let is_turned = match before.get(&entry.source_id) {
            Some(before) => shipped(before.as_deref())? != shipped(entry.body.as_deref())?,
            None => true,
        };
        if is_turned {
            turned.push(entry.source_id);
        }
    }
    Ok(turned)
}

/// Products with stock in any of these warehouses; their rows are locked.
pub async fn stocked(tx: &mut Tx, warehouses: &[Uuid]) -> Result<Vec<Uuid>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        product_id: Uuid,
    }
    if warehouses.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = statement(
        "select product_id from documents where product_id in (
             select e.product_id from entries e where e.warehouse_id = any ($1))
         order by product_id for update",
    )
    .bind::<Array<SqlUuid>, _>(warehouses)
    .get_results(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| row.product_id).collect())
}

/// Whether an entry is of a warehouse that ships; one without a body was deleted.
fn shipped(body: Option<&[u8]>) -> Result<bool, Fault> {
    let Some(body) = body else { return Ok(false) };
    let warehouse =
        Warehouse::decode(body).map_err(|error| Fault::internal(error).context("read an entry"))?;
    Ok(ships(&warehouse))
}
