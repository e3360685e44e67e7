//! Long-running operations. An operation is a row that holds its request, so any process can resume it after a crash. A lease
//! ([`lease`]) makes sure that one process at a time works on it.

mod lease;
mod operation;

use crate::schema::operations;
use crate::{Db, Tx, statement};
use contracts::operations::v1::Reason;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Timestamptz};
use diesel_async::RunQueryDsl;
use fault::Fault;
use std::time::Duration;
use uuid::Uuid;

pub use lease::{Progress, checkpoint, release, renew, take_up, with_lease};
pub use operation::Operation;

/// Creates an operation; a background task of the service finds the row and runs it. `request` holds the parameters, encoded by the
/// kind.
pub async fn start(tx: &mut Tx, kind: &str, request: Option<Vec<u8>>) -> Result<Operation, Fault> {
    tx.has_operation();
    Ok(diesel::insert_into(operations::table)
        .values((
            operations::id.eq(Uuid::now_v7()),
            operations::kind.eq(kind),
            operations::state.eq("running"),
            operations::request.eq(request),
        ))
        .returning(Operation::as_returning())
        .get_result(tx.conn())
        .await?)
}

/// Key of the advisory lock: an arbitrary number that no other transaction-level lock uses.
const SCHEDULE_LOCK_KEY: i64 = 0x7363_6865;

/// Creates an operation unless one of its kind was created less than `every` ago and has not failed. The lock makes sure that only
/// one of several replicas does.
pub async fn start_if_due(
    tx: &mut Tx,
    kind: &str,
    every: Duration,
) -> Result<Option<Operation>, Fault> {
    statement("select pg_advisory_xact_lock($1)")
        .bind::<BigInt, _>(SCHEDULE_LOCK_KEY)
        .execute(tx.conn())
        .await?;
    let since = tx.now().await? - every;
    let recent = operations::table
        .filter(operations::kind.eq(kind).and(operations::state.ne("failed")))
        .filter(operations::created_at.gt(since));
    if diesel::select(diesel::dsl::exists(recent)).get_result(tx.conn()).await? {
        return Ok(None);
    }
    start(tx, kind, None).await.map(Some)
}

/// Stores the progress of an operation, and renews its lease if it has one.
pub async fn progress(
    tx: &mut Tx,
    id: Uuid,
    done: i64,
    total: i64,
    doing: &str,
) -> Result<(), Fault> {
    diesel::update(operations::table.find(id))
        .set((
            operations::done.eq(done),
            operations::total.eq(total),
            operations::message.eq(doing),
            operations::updated_at.eq(diesel::dsl::now),
            operations::leased_until.eq(sql::<Nullable<Timestamptz>>(lease::RENEWED)),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Marks an operation as succeeded, with its result if its kind has one.
pub async fn succeed<R: prost::Name>(
    tx: &mut Tx,
    id: Uuid,
    result: Option<&R>,
) -> Result<(), Fault> {
    diesel::update(operations::table.find(id))
        .set((
            operations::state.eq("succeeded"),
            operations::message.eq(""),
            operations::result.eq(result.map(prost::Message::encode_to_vec)),
            operations::result_type.eq(result.map(|_| R::full_name())),
            operations::updated_at.eq(diesel::dsl::now),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Marks an operation as failed.
pub async fn fail(tx: &mut Tx, id: Uuid, why: &str) -> Result<(), Fault> {
    diesel::update(operations::table.find(id))
        .set((
            operations::state.eq("failed"),
            operations::message.eq(why),
            operations::updated_at.eq(diesel::dsl::now),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The operation of any of these kinds that succeeded last.
pub async fn last_succeeded(tx: &mut Tx, kinds: &[&str]) -> Result<Option<Operation>, Fault> {
    Ok(operations::table
        .filter(operations::kind.eq_any(kinds).and(operations::state.eq("succeeded")))
        .order((operations::updated_at.desc(), operations::id.desc()))
        .select(Operation::as_select())
        .first(tx.conn())
        .await
        .optional()?)
}

/// One operation of a kind.
pub async fn find(tx: &mut Tx, kind: &str, id: Uuid) -> Result<Operation, Fault> {
    operations::table
        .find(id)
        .filter(operations::kind.eq(kind))
        .select(Operation::as_select())
        .first(tx.conn())
        .await
        .optional()?
        .ok_or_else(|| Fault::new(Reason::OperationNotFound, format!("no operation {kind}/{id}")))
}

impl Db {
    /// One operation of this service.
    pub async fn operation(&self, kind: &str, id: Uuid) -> Result<Operation, Fault> {
        self.read("operations.get", async |tx| find(tx, kind, id).await).await
    }

    /// A page of this service's operations with ids below `before`, newest first.
    pub async fn operations(
        &self,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<Operation>, Fault> {
        self.read("operations.list", async |tx| {
            let mut query = operations::table
                .order(operations::id.desc())
                .limit(limit)
                .select(Operation::as_select())
                .into_boxed();
            if let Some(before) = before {
                query = query.filter(operations::id.lt(before));
            }
            Ok(query.load(tx.conn()).await?)
        })
        .await
    }
}
