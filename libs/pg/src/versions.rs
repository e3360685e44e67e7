//! Events only forwards: the newest version of each aggregate that a consumer has handled. The row is locked from the look to
//! the end of the transaction, so of two events of one aggregate the second sees what the first did, in whichever process.

use crate::{Tx, statement};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;
use fault::Fault;

/// Locks the aggregate's row and returns the newest version that was handled; 0 before the first.
pub async fn lock(tx: &mut Tx, consumer: &str, key: &str) -> Result<i64, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        version: i64,
    }
    // An update of nothing: an insert that merely gives way would not lock the row that is there.
    let row: Row = statement(
        "insert into versions as known (consumer, key, version) values ($1, $2, 0)
         on conflict (consumer, key) do update set version = known.version
         returning version",
    )
    .bind::<Text, _>(consumer)
    .bind::<Text, _>(key)
    .get_result(tx.conn())
    .await?;
    Ok(row.version)
}

/// Notes a version as handled, under the lock of [`lock`]. It never goes back.
pub async fn raise(tx: &mut Tx, consumer: &str, key: &str, version: i64) -> Result<(), Fault> {
    statement(
        "update versions set version = greatest(version, $3) where consumer = $1 and key = $2",
    )
    .bind::<Text, _>(consumer)
    .bind::<Text, _>(key)
    .bind::<BigInt, _>(version)
    .execute(tx.conn())
    .await?;
    Ok(())
}
