//! Deletes expired rows of the shared tables, in batches and without blocking writers.
//!
//! The retention times depend on each other. Streams keep an event for 7 days. The outbox keeps a published row for 14 days, and an
//! event can be republished until it is that old. It then stays in the stream for another 7 days, so a consumer may receive an event
//! that is 21 days old, and must still find its inbox entry to not apply it twice. Inbox entries, and the records of failed attempts,
//! are therefore kept for 22 days.

use crate::{Db, statement};
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use fault::Fault;

/// Number of rows that one statement deletes, so that nobody waits long for its locks.
const BATCH_SIZE: i64 = 5_000;

const SWEEPS: &[(&str, &str)] = &[
    (
        "request_replay",
        "delete from request_replay where ctid = any (array(
           select ctid from request_replay
           where created_at < now() - interval '24 hours' limit $1 for update skip locked))",
    ),
    (
        "outbox",
        "delete from outbox where ctid = any (array(
           select ctid from outbox
           where published_at < now() - interval '14 days' limit $1 for update skip locked))",
    ),
    (
        "inbox",
        "delete from inbox where ctid = any (array(
           select ctid from inbox
           where claimed_at < now() - interval '22 days' limit $1 for update skip locked))",
    ),
    (
        "attempts",
        "delete from attempts where ctid = any (array(
           select ctid from attempts
           where last_at < now() - interval '22 days' limit $1 for update skip locked))",
    ),
    (
        "operations",
        "delete from operations where ctid = any (array(
           select ctid from operations
           where state <> 'running' and updated_at < now() - interval '14 days'
           limit $1 for update skip locked))",
    ),
];

/// Deletes the expired rows of all shared tables; returns their number.
pub async fn sweep(db: &Db) -> Result<usize, Fault> {
    let mut removed = 0;
    for (table, sweep) in SWEEPS {
        loop {
            let batch = db
                .write("pg.sweep", async |tx| {
                    Ok(statement(*sweep).bind::<BigInt, _>(BATCH_SIZE).execute(tx.conn()).await?)
                })
                .await?;
            removed += batch;
            metrics::counter!("db_swept_rows_total", "table" => *table)
                .increment(u64::try_from(batch).unwrap_or_default());
            if i64::try_from(batch).unwrap_or_default() < BATCH_SIZE {
                break;
            }
        }
    }
    Ok(removed)
}
