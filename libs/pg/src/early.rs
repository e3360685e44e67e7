//! Early events: they refer to an aggregate that this service has not received yet. An early event is stored here and claims its id
//! in the inbox, as a handled one does. It is handled when the awaited aggregate arrives, and becomes a dead letter if that takes
//! more than a day; if it then needs another aggregate, the day starts again. A consumer in isolation mode defers stored events when
//! their aggregate arrives, and handles them one at a time.

use crate::Tx;
use crate::schema::early;
use chrono::{DateTime, Utc};
use diesel::dsl::{exists, now};
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use fault::Fault;
use serde_json::Value;
use std::time::Duration;
use uuid::Uuid;

/// A stored early event.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = early)]
pub struct Early {
    /// Durable consumer that received it.
    pub consumer: String,
    /// Id of the event.
    pub event_id: Uuid,
    /// Name of the aggregate that it waits for.
    pub awaited: String,
    /// Subject of its message.
    pub subject: String,
    /// Headers of its message.
    pub headers: Value,
    /// The encoded event.
    pub payload: Vec<u8>,
}

/// Stores early events. The caller must hold the locks that callers of [`take`] hold for the same aggregates, so that an aggregate
/// cannot arrive in between unnoticed.
pub async fn keep(tx: &mut Tx, events: &[Early]) -> Result<(), Fault> {
    diesel::insert_into(early::table)
        .values(events)
        .on_conflict_do_nothing()
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Whether an event is stored.
pub async fn waits(tx: &mut Tx, consumer: &str, event_id: Uuid) -> Result<bool, Fault> {
    let entry = early::table.find((consumer, event_id));
    Ok(diesel::select(exists(entry)).get_result(tx.conn()).await?)
}

/// Removes and returns the events that wait for any of these aggregates, in the order in which they arrived; deferred ones stay.
pub async fn take(tx: &mut Tx, awaited: &[String]) -> Result<Vec<Early>, Fault> {
    let waiting =
        early::table.filter(early::awaited.eq_any(awaited)).filter(early::arrived_at.is_null());
    let mut taken: Vec<(DateTime<Utc>, Early)> = diesel::delete(waiting)
        .returning((early::kept_at, Early::as_returning()))
        .get_results(tx.conn())
        .await?;
    taken.sort_by_key(|(kept_at, event)| (*kept_at, event.event_id));
    Ok(taken.into_iter().map(|(_, event)| event).collect())
}

/// Marks the events that wait for any of these aggregates as deferred, to be handled one at a time. Returns their number.
pub async fn defer(tx: &mut Tx, awaited: &[String]) -> Result<usize, Fault> {
    let waiting =
        early::table.filter(early::awaited.eq_any(awaited)).filter(early::arrived_at.is_null());
    let arrived = early::arrived_at.eq(now.into_sql::<Timestamptz>().nullable());
    Ok(diesel::update(waiting).set(arrived).execute(tx.conn()).await?)
}

/// The oldest deferred event that is due, and when it was stored.
pub async fn next_deferred(tx: &mut Tx) -> Result<Option<(Early, DateTime<Utc>)>, Fault> {
    let deferred = early::table
        .filter(early::arrived_at.le(now.into_sql::<Timestamptz>().nullable()))
        .order((early::arrived_at, early::kept_at, early::event_id))
        .select((Early::as_select(), early::kept_at));
    Ok(deferred.first(tx.conn()).await.optional()?)
}

/// Removes one event; false if it was not stored.
pub async fn take_one(tx: &mut Tx, event: &Early) -> Result<bool, Fault> {
    let one = early::table.find((&event.consumer, event.event_id));
    Ok(diesel::delete(one).execute(tx.conn()).await? == 1)
}

/// Postpones a deferred event by `pause`.
pub async fn put_off(tx: &mut Tx, event: &Early, pause: Duration) -> Result<(), Fault> {
    let one = early::table.find((&event.consumer, event.event_id));
    let later = tx.now().await? + pause;
    diesel::update(one.filter(early::arrived_at.is_not_null()))
        .set(early::arrived_at.eq(later))
        .execute(tx.conn())
        .await?;
    Ok(())
}
