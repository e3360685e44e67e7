//! Leases on operations. A lease lasts 15 seconds by the database's clock; the process that works on the operation renews it, and
//! it expires if that process dies. Each lease has its own id, so a process that was paused for longer than its lease notices that
//! another process has taken over, and stops.

use super::operation::Operation;
use crate::{Db, Tx, statement};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::{Common, Fault};
use std::time::Duration;
use uuid::Uuid;

/// SQL for the new end of a lease; an operation without a lease stays without one.
pub(super) const RENEWED: &str = "case when leased_until is not null
     then greatest(leased_until, clock_timestamp() + interval '15 seconds') end";

/// Short enough that several renewals may fail before the lease expires.
const RENEW_INTERVAL: Duration = Duration::from_secs(3);

/// Leases the oldest running operation of a kind that has no valid lease.
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
    /// Total number of steps; 0 if not known yet.
    pub total: i64,
    /// Current step, in words.
    pub message: String,
    /// Replaces the stored request, so that another process can resume from this point.
    pub request: Option<Vec<u8>>,
}

/// Stores the progress of a leased operation and renews the lease. False means that another process has taken over or that the
/// operation has ended: the caller must stop, and must not change the operation in this transaction.
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

/// Renews the lease of an operation. False means that another process has taken over or that the operation has ended.
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

/// Releases the lease, so that another process need not wait until it expires.
pub async fn release(tx: &mut Tx, operation: &Operation) -> Result<(), Fault> {
    statement("update operations set leased_until = null, leased_by = null where id = $1 and leased_by = $2")
        .bind::<SqlUuid, _>(operation.id)
        .bind::<Nullable<SqlUuid>, _>(operation.leased_by)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Runs `work` and renews the lease meanwhile; cancels the work if another process has taken over. If the database cannot be reached
/// the work goes on, because no other process can take over then either.
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
