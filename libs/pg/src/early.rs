//! Events about something that is not known here yet. Keeping one claims its id like handling it does; it is handled when
//! what it waits for arrives, and ends as a dead letter when that takes longer than a day; then it may wait for something else,
//! as long again. In isolation they are deferred when what they wait for arrives, and handled one by one.

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

/// An event that is kept.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = early)]
pub struct Early {
    /// Durable consumer that it came to.
    pub consumer: String,
    /// Id of the event.
    pub event_id: Uuid,
    /// What it waits for.
    pub awaited: String,
    /// Subject that it came under.
    pub subject: String,
    /// Headers that it came with.
    pub headers: Value,
    /// The encoded event.
    pub payload: Vec<u8>,
}

/// Keeps events. The caller holds the locks under which `take` is called for the same things, else one could miss the other.
pub async fn keep(tx: &mut Tx, events: &[Early]) -> Result<(), Fault> {
    diesel::insert_into(early::table)
        .values(events)
        .on_conflict_do_nothing()
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Whether an event is kept and waits.
pub async fn waits(tx: &mut Tx, consumer: &str, event_id: Uuid) -> Result<bool, Fault> {
    let entry = early::table.find((consumer, event_id));
    Ok(diesel::select(exists(entry)).get_result(tx.conn()).await?)
}

/// Takes out the events that waited for any of what has just arrived, in the order in which they came. Not those that are
/// deferred.
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

/// Defers the events that waited for any of what has just arrived: each is to be handled with nothing else in flight. Returns how
/// many there are.
pub async fn defer(tx: &mut Tx, awaited: &[String]) -> Result<usize, Fault> {
    let waiting =
        early::table.filter(early::awaited.eq_any(awaited)).filter(early::arrived_at.is_null());
    let arrived = early::arrived_at.eq(now.into_sql::<Timestamptz>().nullable());
    Ok(diesel::update(waiting).set(arrived).execute(tx.conn()).await?)
}

/// The event that was deferred first and is not put off, and since when it is kept.
pub async fn next_deferred(tx: &mut Tx) -> Result<Option<(Early, DateTime<Utc>)>, Fault> {
    let deferred = early::table
        .filter(early::arrived_at.le(now.into_sql::<Timestamptz>().nullable()))
        .order((early::arrived_at, early::kept_at, early::event_id))
        .select((Early::as_select(), early::kept_at));
    Ok(deferred.first(tx.conn()).await.optional()?)
}

/// Takes out one event; false: it is not kept any more.
pub async fn take_one(tx: &mut Tx, event: &Early) -> Result<bool, Fault> {
    let one = early::table.find((&event.consumer, event.event_id));
    Ok(diesel::delete(one).execute(tx.conn()).await? == 1)
}

/// Puts off one that is deferred: it counts as one that was deferred later.
pub async fn put_off(tx: &mut Tx, event: &Early, pause: Duration) -> Result<(), Fault> {
    let one = early::table.find((&event.consumer, event.event_id));
    let later = tx.now().await? + pause;
    diesel::update(one.filter(early::arrived_at.is_not_null()))
        .set(early::arrived_at.eq(later))
        .execute(tx.conn())
        .await?;
    Ok(())
}
