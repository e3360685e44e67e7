//! The newest version of each aggregate that a consumer has handled, to skip older events. The row is locked when it is read until the
//! end of the transaction, so events of one aggregate are handled one after the other, in any process.

use crate::{Tx, statement};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;
use fault::Fault;

/// Locks the row of an aggregate and returns the newest version that was handled; 0 if there is none.
pub async fn lock(tx: &mut Tx, consumer: &str, key: &str) -> Result<i64, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        version: i64,
    }
    // The update changes nothing but locks an existing row, which `do nothing` would not.
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

/// Stores a version as handled, under the lock of [`lock`]; a lower one changes nothing.
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
