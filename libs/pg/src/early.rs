//! Events about something that is not known here yet. Keeping one claims its id like handling it does; it is handled when
//! what it waits for arrives, and ends as a dead letter when that takes longer than a day.

use crate::Tx;
use crate::schema::early;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use fault::Fault;
use serde_json::Value;
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

/// Takes out the events that waited for any of what has just arrived, in the order in which they came.
pub async fn take(tx: &mut Tx, awaited: &[String]) -> Result<Vec<Early>, Fault> {
    let mut taken: Vec<(chrono::DateTime<chrono::Utc>, Early)> =
        diesel::delete(early::table.filter(early::awaited.eq_any(awaited)))
            .returning((early::kept_at, Early::as_returning()))
            .get_results(tx.conn())
            .await?;
    taken.sort_by_key(|(kept_at, event)| (*kept_at, event.event_id));
    Ok(taken.into_iter().map(|(_, event)| event).collect())
}
