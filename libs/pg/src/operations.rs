//! Long-running work. An operation is a row: whoever resumes it after a crash finds there what was asked for. One process at
//! a time works on it, by a lease ([`lease`]).

mod lease;

use crate::schema::operations;
use crate::{Db, Tx, statement};
use chrono::{DateTime, Utc};
use contracts::operations::v1::{Operation as Message, OperationState, Reason};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Timestamptz};
use diesel_async::RunQueryDsl;
use fault::Fault;
use std::time::Duration;
use uuid::Uuid;

pub use lease::{Far, get_on, held, hold, release, take_up};

/// A piece of long-running work of one service.
#[derive(Debug, Clone, Queryable, Selectable, QueryableByName)]
#[diesel(table_name = operations)]
pub struct Operation {
    /// UUIDv7: later operations have larger ids.
    pub id: Uuid,
    /// What is done, e.g. `reindex`.
    pub kind: String,
    state: String,
    /// Steps done so far.
    pub done: i64,
    /// Steps in all; 0: not known yet.
    pub total: i64,
    /// What it is doing, or why it failed.
    pub message: String,
    result: Option<Vec<u8>>,
    result_type: Option<String>,
    /// When it was started.
    pub created_at: DateTime<Utc>,
    /// When it last got on.
    pub updated_at: DateTime<Utc>,
    /// What was asked for, encoded by the kind.
    pub request: Option<Vec<u8>>,
    leased_by: Option<Uuid>,
}

impl Operation {
    /// Whether it goes on.
    pub fn is_running(&self) -> bool {
        self.state == "running"
    }

    /// What came of it, where it has succeeded and its kind has a result.
    pub fn result<R: prost::Message + prost::Name + Default>(&self) -> Option<R> {
        let result = self.result.as_deref().filter(|_| self.result_type == Some(R::full_name()));
        result.and_then(|bytes| R::decode(bytes).ok())
    }

    /// The operation as callers see it.
    pub fn message(self, service: &str) -> Message {
        let state = match self.state.as_str() {
            "running" => OperationState::Running,
            "succeeded" => OperationState::Succeeded,
            _ => OperationState::Failed,
        };
        let result = self.result_type.zip(self.result).map(|(name, value)| prost_types::Any {
            type_url: format!("type.googleapis.com/{name}"),
            value,
        });
        Message {
            name: format!("{service}/{}/{}", self.kind, self.id),
            state: state.into(),
            done: self.done,
            total: self.total,
            message: self.message,
            result,
            create_time: Some(kernel_time(self.created_at)),
            update_time: Some(kernel_time(self.updated_at)),
        }
    }
}

fn kernel_time(at: DateTime<Utc>) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.timestamp(),
        nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or(0),
    }
}

/// Starts an operation: a row that a timer of the service takes up, with what was asked for where the kind needs it.
pub async fn start(tx: &mut Tx, kind: &str, request: Option<Vec<u8>>) -> Result<Operation, Fault> {
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

/// Any fixed number; no other transaction-level advisory lock has it.
const SCHEDULE: i64 = 0x7363_6865;

/// Starts an operation unless one of its kind was started less than `every` ago and has not failed. Of several replicas that
/// find it due one starts it.
pub async fn start_if_due(
    tx: &mut Tx,
    kind: &str,
    every: Duration,
) -> Result<Option<Operation>, Fault> {
    statement("select pg_advisory_xact_lock($1)")
        .bind::<BigInt, _>(SCHEDULE)
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

/// Notes how far an operation is. Where it is leased the lease begins anew, so that who reports keeps it.
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

/// Ends an operation with its result, if its kind has one.
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

/// Ends an operation that could not be done.
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

/// The operation of these kinds that was the last one to succeed.
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

    /// A page of this service's operations before the given id, latest first.
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
