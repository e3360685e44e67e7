//! Events about something that does not exist here yet. What they wait for is locked, by name, both while an event is kept and
//! while kept events are taken: so an event cannot be kept just after the taking, and services need no lock for it.

use super::context::Consumers;
use super::delivery::Delivery;
use super::outcome::{Effect, Outcome, Waiting};
use crate::dead::{ATTEMPTS, ERROR, REASON};
use crate::envelope;
use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Binary, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use fault::{Fault, Kind, point};
use pg::early::{self, Early};
use pg::{Tx, statement};
use serde_json::Value;
use std::collections::BTreeSet;

/// How often an event is handled in one transaction: what it waits for can change from one time to the next (first the
/// product, then its variant), but only a few times.
const MAX_TRIES: u32 = 4;

/// Handles events again under the locks of what they await, and keeps those that are still too early. The locks are taken in
/// one order, and after those of the handlers, so that two workers seldom deadlock; where they do the database
/// aborts one of them, which is tried again.
pub(super) async fn keep_or_apply(
    consumers: &Consumers,
    tx: &mut Tx,
    deliveries: &[&Delivery],
    mut waiting: Vec<Waiting>,
    effects: &mut [Effect],
) -> Result<(), Fault> {
    for _ in 0..MAX_TRIES {
        if waiting.is_empty() {
            return Ok(());
        }
        let awaited: BTreeSet<String> = waiting.iter().map(|event| event.awaits.clone()).collect();
        lock(tx, &Vec::from_iter(awaited)).await?;
        let events: Vec<&Delivery> =
            waiting.iter().map(|event| deliveries[event.position]).collect();
        let outcomes = consumers.registry.handle(consumers, tx, &events).await?;
        let (mut kept, mut other) = (Vec::new(), Vec::new());
        for (event, outcome) in waiting.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Done => {}
                Outcome::Stale => effects[event.position] = Effect::Stale,
                Outcome::Early { awaits } if awaits == event.awaits => {
                    kept.push(deliveries[event.position].kept(&awaits));
                    effects[event.position] = Effect::Kept;
                }
                Outcome::Early { awaits } => other.push(Waiting { awaits, ..event }),
            }
        }
        if !kept.is_empty() {
            point::reached("early.keep").await?;
            early::keep(tx, &kept).await?;
            point::reached("early.kept").await?;
        }
        waiting = other;
    }
    if waiting.is_empty() {
        return Ok(());
    }
    Err(Fault::internal("a handler awaits something else each time that it is called"))
}

impl Consumers {
    /// Applies the events that waited for something which the caller's transaction has just created. A handler that is
    /// given the event calls [`Received::apply_early`](super::Received::apply_early) instead.
    pub async fn apply_early(&self, tx: &mut Tx, awaited: &str) -> Result<usize, Fault> {
        apply(self, tx, &[awaited.to_owned()]).await
    }
}

/// Applies the events that waited for any of `awaited`; returns how many were taken. In isolation they are only deferred, for
/// [`super::deferred`]: if one of them kills the process, the awaited event must not count as the poison event.
pub(super) async fn apply(
    consumers: &Consumers,
    tx: &mut Tx,
    awaited: &[String],
) -> Result<usize, Fault> {
    lock(tx, awaited).await?;
    if consumers.defers_kept {
        return early::defer(tx, awaited).await;
    }
    let taken = early::take(tx, awaited).await?;
    if taken.is_empty() {
        return Ok(0);
    }
    point::reached("early.take").await?;
    let count = taken.len();
    handle(consumers, tx, taken, awaited).await?;
    point::reached("early.applied").await?;
    Ok(count)
}

/// Handles entries that were taken under the locks of what they waited for. What waits for something else now is handled
/// again under the lock of that, else it could be kept just after that was created.
pub(super) async fn handle(
    consumers: &Consumers,
    tx: &mut Tx,
    mut entries: Vec<Early>,
    awaited: &[String],
) -> Result<(), Fault> {
    let mut locked: BTreeSet<String> = awaited.iter().cloned().collect();
    let mut back = Vec::new();
    for attempt in 1..=MAX_TRIES {
        let again = handle_once(consumers, tx, &entries).await?;
        let (stays, other): (Vec<Again>, Vec<Again>) = again.into_iter().partition(|again| {
            attempt == MAX_TRIES || again.kept_at.is_some() || locked.contains(&again.entry.awaited)
        });
        back.extend(stays);
        if other.is_empty() {
            break;
        }
        let names = BTreeSet::from_iter(other.iter().map(|again| again.entry.awaited.clone()));
        lock(tx, &Vec::from_iter(names.clone())).await?;
        locked.extend(names);
        entries = other.into_iter().map(|again| again.entry).collect();
    }
    // Only now: a handler that calls `apply` again must not find them, or it could go on for ever.
    for entry in &back {
        put_back(tx, entry).await?;
    }
    Ok(())
}

/// Returns what has to be kept again.
async fn handle_once(
    consumers: &Consumers,
    tx: &mut Tx,
    entries: &[Early],
) -> Result<Vec<Again>, Fault> {
    if let Some(back) = apply_all(consumers, tx, entries).await? {
        return Ok(back);
    }
    let mut back = Vec::new();
    for entry in entries {
        back.extend(apply_one(consumers, tx, entry).await?);
    }
    Ok(back)
}

/// An entry that is kept again: it waits for something else, or for the sweep to make a dead letter of it.
pub(super) struct Again {
    entry: Early,
    kept_at: Option<DateTime<Utc>>,
}

/// Applies all at once. None: it failed, and nothing was changed.
async fn apply_all(
    consumers: &Consumers,
    tx: &mut Tx,
    kept: &[Early],
) -> Result<Option<Vec<Again>>, Fault> {
    let Ok(deliveries) = kept.iter().map(Delivery::of_early).collect::<Result<Vec<_>, _>>() else {
        return Ok(None);
    };
    let deliveries: Vec<&Delivery> = deliveries.iter().collect();
    tx.conn().batch_execute("SAVEPOINT early").await?;
    match consumers.registry.handle(consumers, tx, &deliveries).await {
        Ok(outcomes) => {
            tx.conn().batch_execute("RELEASE SAVEPOINT early").await?;
            Ok(Some(
                kept.iter()
                    .zip(outcomes)
                    .filter_map(|(kept, outcome)| still_early(kept, outcome))
                    .collect(),
            ))
        }
        Err(_) => {
            tx.conn().batch_execute("ROLLBACK TO SAVEPOINT early; RELEASE SAVEPOINT early").await?;
            Ok(None)
        }
    }
}

/// A failure of a kept event must not fail the event that it waited for: only its own effect is rolled back, and the sweep
/// makes a dead letter of it. A transient failure fails the whole transaction, which is then tried again.
async fn apply_one(
    consumers: &Consumers,
    tx: &mut Tx,
    kept: &Early,
) -> Result<Option<Again>, Fault> {
    tx.conn().batch_execute("SAVEPOINT early").await?;
    let handled = match Delivery::of_early(kept) {
        Ok(delivery) => {
            let handled = consumers.registry.handle(consumers, tx, &[&delivery]).await;
            handled.map_err(Fault::from)
        }
        Err(fault) => Err(fault),
    };
    match handled {
        Ok(outcomes) => {
            tx.conn().batch_execute("RELEASE SAVEPOINT early").await?;
            Ok(outcomes.into_iter().next().and_then(|outcome| still_early(kept, outcome)))
        }
        Err(fault) => {
            tx.conn().batch_execute("ROLLBACK TO SAVEPOINT early; RELEASE SAVEPOINT early").await?;
            match fault.kind() {
                Kind::AlreadyExists => Ok(None),
                Kind::Conflict | Kind::Exhausted | Kind::Unavailable | Kind::TimedOut => Err(fault),
                _ => Ok(Some(failed(kept, &fault, 1))),
            }
        }
    }
}

fn still_early(kept: &Early, outcome: Outcome) -> Option<Again> {
    let Outcome::Early { awaits } = outcome else { return None };
    Some(Again { entry: Early { awaited: awaits, ..kept.clone() }, kept_at: None })
}

/// An entry that is kept again for [`super::overdue`] to make a dead letter of it at once. It has the dead letter's headers already.
pub(super) fn failed(kept: &Early, fault: &Fault, attempts: u32) -> Again {
    let mut entry = kept.clone();
    if let Value::Object(headers) = &mut entry.headers {
        headers.insert(REASON.to_owned(), fault.reason().into());
        headers.insert(ERROR.to_owned(), envelope::printable(&fault.chain()).into());
        headers.insert(ATTEMPTS.to_owned(), attempts.to_string().into());
    }
    Again { entry, kept_at: Some(DateTime::UNIX_EPOCH) }
}

pub(super) async fn put_back(tx: &mut Tx, again: &Again) -> Result<(), Fault> {
    let entry = &again.entry;
    statement(
        "insert into early (consumer, event_id, awaited, subject, headers, payload, kept_at)
         values ($1, $2, $3, $4, $5, $6, coalesce($7, clock_timestamp()))
         on conflict do nothing",
    )
    .bind::<Text, _>(&entry.consumer)
    .bind::<SqlUuid, _>(entry.event_id)
    .bind::<Text, _>(&entry.awaited)
    .bind::<Text, _>(&entry.subject)
    .bind::<Jsonb, _>(&entry.headers)
    .bind::<Binary, _>(&entry.payload)
    .bind::<Nullable<Timestamptz>, _>(again.kept_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn lock(tx: &mut Tx, awaited: &[String]) -> Result<(), Fault> {
    statement(
        "select pg_advisory_xact_lock(hashtextextended('souk.early:' || name, 0))
         from (select name from unnest($1) as name order by name collate \"C\") names",
    )
    .bind::<Array<Text>, _>(awaited)
    .execute(tx.conn())
    .await?;
    Ok(())
}
