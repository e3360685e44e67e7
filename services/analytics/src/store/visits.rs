//! Sessions and customers of a day, so that each is counted once.

use crate::domain::event::TrackedEvent;
use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Date, Integer, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::{Tx, statement};
use std::collections::{BTreeMap, BTreeSet};

/// A session on a day.
type Visit = (NaiveDate, String);

/// What events tell of a session.
#[derive(Debug, Clone, Copy)]
struct Seen {
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    events: i64,
    steps: i32,
}

/// Bit 0 of the steps: the session itself.
pub const VISITED: i32 = 1;

/// Adds events to their sessions; returns, for each session that took steps for the first time on the day, the day and those steps.
pub async fn add(tx: &mut Tx, events: &[&TrackedEvent]) -> Result<Vec<(NaiveDate, i32)>, Fault> {
    let seen = seen(events);
    if seen.is_empty() {
        return Ok(Vec::new());
    }
    let before = touch(tx, &seen).await?;
    let new = seen.iter().filter_map(|(visit, own)| {
        let steps = own.steps & !before.get(visit).copied().unwrap_or_default();
        (steps != 0).then_some((visit.0, steps))
    });
    Ok(new.collect())
}

fn seen(events: &[&TrackedEvent]) -> BTreeMap<Visit, Seen> {
    let mut seen: BTreeMap<Visit, Seen> = BTreeMap::new();
    for event in events {
        let Some(session) = &event.session else { continue };
        let at = event.occurred_at;
        let first = Seen { first_at: at, last_at: at, events: 0, steps: VISITED };
        let own = seen.entry((event.day(), session.clone())).or_insert(first);
        own.first_at = own.first_at.min(at);
        own.last_at = own.last_at.max(at);
        own.events += 1;
        own.steps |= event.kind.bit();
    }
    seen
}

/// Adds to the rows of sessions, in their order, and returns which steps they had taken before. Each row is locked from then on.
async fn touch(tx: &mut Tx, seen: &BTreeMap<Visit, Seen>) -> Result<BTreeMap<Visit, i32>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Date)]
        day: NaiveDate,
        #[diesel(sql_type = Text)]
        session_id: String,
        #[diesel(sql_type = Integer)]
        steps_before: i32,
    }
    let rows: Vec<Row> = statement(
        "insert into sessions as own (day, session_id, first_at, last_at, events, steps)
         select * from unnest($1, $2, $3, $4, $5, $6)
         on conflict (day, session_id) do update
         set first_at = least(own.first_at, excluded.first_at),
             last_at = greatest(own.last_at, excluded.last_at),
             events = own.events + excluded.events,
             steps_before = own.steps, steps = own.steps | excluded.steps
         returning day, session_id, steps_before",
    )
    .bind::<Array<Date>, _>(seen.keys().map(|(day, _)| *day).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(seen.keys().map(|(_, id)| id.as_str()).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(seen.values().map(|own| own.first_at).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(seen.values().map(|own| own.last_at).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(seen.values().map(|own| own.events).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(seen.values().map(|own| own.steps).collect::<Vec<_>>())
    .get_results(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| ((row.day, row.session_id), row.steps_before)).collect())
}

/// Notes the customers of events; returns the day of each that is new on it.
pub async fn add_customers(tx: &mut Tx, events: &[&TrackedEvent]) -> Result<Vec<NaiveDate>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Date)]
        day: NaiveDate,
    }
    let of = |event: &&TrackedEvent| Some((event.day(), event.customer.clone()?));
    let customers: BTreeSet<(NaiveDate, String)> = events.iter().filter_map(of).collect();
    if customers.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = statement(
        "insert into active_customers (day, customer_id) select * from unnest($1, $2)
         on conflict do nothing returning day",
    )
    .bind::<Array<Date>, _>(customers.iter().map(|(day, _)| *day).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(customers.iter().map(|(_, id)| id.as_str()).collect::<Vec<_>>())
    .get_results(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| row.day).collect())
}
