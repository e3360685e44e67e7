//! Removes what has served its time, in bulk and without blocking writers.
//!
//! What is kept how long is one rule, else a republish would double effects. A stream holds an event for 7 days. The outbox
//! holds a row for 14 days, and until that age it can be published again. Such an event then lives in the stream for another
//! 7 days, so a consumer may meet it when it is 21 days old and must know then that it has handled it: claims, and failures
//! with them, are kept for 22 days.

use crate::{Db, statement};
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use fault::Fault;

/// Rows that one statement removes: small enough that nobody waits for its locks.
const BATCH: i64 = 5_000;

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

/// One round over all shared tables; returns how many rows went.
pub async fn sweep(db: &Db) -> Result<usize, Fault> {
    let mut removed = 0;
    for (table, sweep) in SWEEPS {
        loop {
            let batch = db
                .write("pg.sweep", async |tx| {
                    Ok(statement(*sweep).bind::<BigInt, _>(BATCH).execute(tx.conn()).await?)
                })
                .await?;
            removed += batch;
            metrics::counter!("db_swept_rows_total", "table" => *table)
                .increment(u64::try_from(batch).unwrap_or_default());
            if i64::try_from(batch).unwrap_or_default() < BATCH {
                break;
            }
        }
    }
    Ok(removed)
}
