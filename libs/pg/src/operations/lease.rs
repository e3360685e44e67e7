//! Who works on an operation. A lease is taken for 15 seconds by the database's clock and renewed by whoever works; a
//! process that dies leaves one that ends by itself. Each taking has a name of its own, so a process that was frozen for
//! longer than its lease notices that somebody else has gone on, and gives up.

use super::Operation;
use crate::{Db, Tx, statement};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::{Common, Fault};
use std::time::Duration;
use uuid::Uuid;

/// The end of a lease that is renewed now; an operation that nobody has leased stays so.
pub(super) const RENEWED: &str = "case when leased_until is not null
     then greatest(leased_until, clock_timestamp() + interval '15 seconds') end";

/// Between two renewals: several may fail before the lease is over.
const RENEW: Duration = Duration::from_secs(3);

/// Takes up the oldest operation of a kind that goes on and that nobody works on, and leases it. It is worked on by one
/// process at a time, and taken up again 15 seconds after the last sign of life of one that died.
pub async fn take_up(tx: &mut Tx, kind: &str) -> Result<Option<Operation>, Fault> {
    let taken = statement(
        "update operations
         set leased_until = clock_timestamp() + interval '15 seconds', leased_by = $2
         where id = (
           select id from operations
           where kind = $1 and state = 'running'
             and (leased_until is null or leased_until < clock_timestamp())
           order by id limit 1
           for update skip locked)
         returning *",
    )
    .bind::<Text, _>(kind)
    .bind::<SqlUuid, _>(Uuid::now_v7())
    .get_result(tx.conn())
    .await
    .optional()?;
    Ok(taken)
}

/// How far an operation is.
#[derive(Debug, Clone, Default)]
pub struct Far {
    /// Steps done so far.
    pub done: i64,
    /// Steps in all; 0: not known yet.
    pub total: i64,
    /// What it is doing, for people.
    pub doing: String,
    /// What takes the place of the request, so that whoever takes the operation up next goes on from here.
    pub request: Option<Vec<u8>>,
}

/// Notes how far a leased operation is and renews the lease. False: somebody else has taken it up, or it has ended; the
/// caller has to stop, and in this transaction must not end the operation.
pub async fn get_on(tx: &mut Tx, operation: &Operation, far: &Far) -> Result<bool, Fault> {
    let noted = statement(
        "update operations
         set done = $3, total = $4, message = $5, request = coalesce($6, request),
             updated_at = now(), leased_until = clock_timestamp() + interval '15 seconds'
         where id = $1 and leased_by = $2 and state = 'running'",
    )
    .bind::<SqlUuid, _>(operation.id)
    .bind::<Nullable<SqlUuid>, _>(operation.leased_by)
    .bind::<BigInt, _>(far.done)
    .bind::<BigInt, _>(far.total)
    .bind::<Text, _>(&far.doing)
    .bind::<Nullable<Binary>, _>(far.request.as_deref())
    .execute(tx.conn())
    .await?;
    Ok(noted == 1)
}

/// Renews the lease of an operation that was taken up. False: somebody else has taken it up, or it has ended.
pub async fn hold(tx: &mut Tx, operation: &Operation) -> Result<bool, Fault> {
    let renewed = statement(
        "update operations set leased_until = clock_timestamp() + interval '15 seconds'
         where id = $1 and leased_by = $2 and state = 'running'",
    )
    .bind::<SqlUuid, _>(operation.id)
    .bind::<Nullable<SqlUuid>, _>(operation.leased_by)
    .execute(tx.conn())
    .await?;
    Ok(renewed == 1)
}

/// Gives the lease back, so that another process need not wait for its end.
pub async fn release(tx: &mut Tx, operation: &Operation) -> Result<(), Fault> {
    statement("update operations set leased_until = null, leased_by = null where id = $1 and leased_by = $2")
        .bind::<SqlUuid, _>(operation.id)
        .bind::<Nullable<SqlUuid>, _>(operation.leased_by)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Does `work` and renews the lease meanwhile; gives the work up where somebody else has taken the operation up. A database
/// that is away stops nobody: as long as nobody can take the operation up, nobody has.
pub async fn held<T>(
    db: &Db,
    operation: &Operation,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let lost = async {
        loop {
            tokio::time::sleep(RENEW).await;
            let renewed = db.write("operations.hold", async |tx| hold(tx, operation).await).await;
            if matches!(renewed, Ok(false)) {
                return;
            }
        }
    };
    tokio::select! {
        done = work => done,
        () = lost => Err(Fault::new(
            Common::ConcurrentModification,
            format!("operation {} was taken up by another process", operation.id),
        )),
    }
}
