//! Which process works on an operation. A lease is taken for 15 seconds by the database's clock and renewed by the process that
//! works; after a process that died it expires. Each lease has an id of its own, so a process that stood still for longer than
//! its lease finds that another one has taken the operation up, and stops.

use super::operation::Operation;
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

/// Between two renewals: several may fail before the lease expires.
const RENEW_INTERVAL: Duration = Duration::from_secs(3);

/// Leases the oldest running operation of a kind that no process works on. It is worked on by one process at a time, and taken
/// up again 15 seconds after the last renewal by a process that died.
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

/// The progress of an operation.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Steps done so far.
    pub done: i64,
    /// Steps in all; 0: not known yet.
    pub total: i64,
    /// What it is doing, for people.
    pub message: String,
    /// What replaces the request, so that the next process that takes the operation up resumes it here.
    pub request: Option<Vec<u8>>,
}

/// Stores the progress of a leased operation and renews the lease. False: another process has taken it up, or it has ended; the
/// caller has to stop, and in this transaction must not end the operation.
pub async fn checkpoint(
    tx: &mut Tx,
    operation: &Operation,
    progress: &Progress,
) -> Result<bool, Fault> {
    let stored = statement(
        "update operations
         set done = $3, total = $4, message = $5, request = coalesce($6, request),
             updated_at = now(), leased_until = clock_timestamp() + interval '15 seconds'
         where id = $1 and leased_by = $2 and state = 'running'",
    )
    .bind::<SqlUuid, _>(operation.id)
    .bind::<Nullable<SqlUuid>, _>(operation.leased_by)
    .bind::<BigInt, _>(progress.done)
    .bind::<BigInt, _>(progress.total)
    .bind::<Text, _>(&progress.message)
    .bind::<Nullable<Binary>, _>(progress.request.as_deref())
    .execute(tx.conn())
    .await?;
    Ok(stored == 1)
}

/// Renews the lease of an operation. False: another process has taken it up, or it has ended.
pub async fn renew(tx: &mut Tx, operation: &Operation) -> Result<bool, Fault> {
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

/// Gives the lease back, so that another process need not wait until it expires.
pub async fn release(tx: &mut Tx, operation: &Operation) -> Result<(), Fault> {
    statement("update operations set leased_until = null, leased_by = null where id = $1 and leased_by = $2")
        .bind::<SqlUuid, _>(operation.id)
        .bind::<Nullable<SqlUuid>, _>(operation.leased_by)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Does `work` and renews the lease meanwhile; stops the work where another process has taken the operation up. An outage of the
/// database does not stop it: no other process can take the operation up then.
pub async fn with_lease<T>(
    db: &Db,
    operation: &Operation,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let lost = async {
        loop {
            tokio::time::sleep(RENEW_INTERVAL).await;
            let renewed = db.write("operations.hold", async |tx| renew(tx, operation).await).await;
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
