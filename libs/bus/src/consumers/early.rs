//! Events about something not known here yet. What they wait for is locked, by name, both while an event is kept and while
//! kept events are taken: so an event cannot be kept just after the taking, and no service has to think of it.

use super::effect::{Answer, Effect, Waiting};
use super::{Consumers, Delivery, Outcome};
use crate::dead::{self, Burial};
use crate::envelope;
use chrono::{DateTime, TimeDelta, Utc};
use contracts::Reason as _;
use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use fault::{Fault, Kind, point};
use pg::early::{self, Early};
use pg::{Tx, statement};
use serde_json::Value;
use std::collections::BTreeSet;
use uuid::Uuid;

/// How long an event waits.
const PATIENCE: TimeDelta = TimeDelta::hours(24);

/// Entries that one round of the sweep takes at most.
const ROUND: i64 = 500;

/// Where an entry says why its handler failed.
const REASON: &str = "souk-reason";
const ERROR: &str = "souk-error";

/// Looks again under the locks of what is awaited, and keeps the events that are still too early. The locks are taken after
/// all others and in one order, so that two workers do not wait for each other.
pub(super) async fn keep_or_apply(
    consumers: &Consumers,
    tx: &mut Tx,
    deliveries: &[&Delivery],
    mut waiting: Vec<Waiting>,
    effects: &mut [Effect],
) -> Result<(), Fault> {
    // What it waits for can change from one look to the next (first the product, then its variant), but not for long.
    for _ in 0..4 {
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
    Err(Fault::internal("a handler awaits something else each time that it is asked"))
}

/// Has the events applied that waited for any of `awaited`; returns how many were taken.
pub(super) async fn apply(
    consumers: &Consumers,
    tx: &mut Tx,
    awaited: &[String],
) -> Result<usize, Fault> {
    lock(tx, awaited).await?;
    let taken = early::take(tx, awaited).await?;
    if taken.is_empty() {
        return Ok(0);
    }
    point::reached("early.take").await?;
    let back = match apply_all(consumers, tx, &taken).await? {
        Some(back) => back,
        None => {
            let mut back = Vec::new();
            for kept in &taken {
                back.extend(apply_one(consumers, tx, kept).await?);
            }
            back
        }
    };
    // Only now: a handler that calls this again must not meet them, or it could go on for ever.
    for entry in &back {
        put_back(tx, entry).await?;
    }
    point::reached("early.applied").await?;
    Ok(taken.len())
}

/// An entry that goes back: it waits for something else, or for the sweep to make a dead letter of it.
struct Again {
    entry: Early,
    kept_at: Option<DateTime<Utc>>,
}

/// All at once; none if that does not work, and nothing has happened.
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
                    .filter_map(|(kept, outcome)| still(kept, outcome))
                    .collect(),
            ))
        }
        Err(_) => {
            tx.conn().batch_execute("ROLLBACK TO SAVEPOINT early; RELEASE SAVEPOINT early").await?;
            Ok(None)
        }
    }
}

/// A failure of a kept event must not fail the event that it waited for: its own effect alone is undone, and the sweep
/// makes a dead letter of it. What would pass by itself fails the whole transaction, which is then tried again.
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
            Ok(outcomes.into_iter().next().and_then(|outcome| still(kept, outcome)))
        }
        Err(fault) => {
            tx.conn().batch_execute("ROLLBACK TO SAVEPOINT early; RELEASE SAVEPOINT early").await?;
            match fault.kind() {
                Kind::AlreadyExists => Ok(None),
                Kind::Conflict | Kind::Exhausted | Kind::Unavailable | Kind::TimedOut => Err(fault),
                _ => Ok(Some(failed(kept, &fault))),
            }
        }
    }
}

fn still(kept: &Early, outcome: Outcome) -> Option<Again> {
    let Outcome::Early { awaits } = outcome else { return None };
    Some(Again { entry: Early { awaited: awaits, ..kept.clone() }, kept_at: None })
}

fn failed(kept: &Early, fault: &Fault) -> Again {
    let mut entry = kept.clone();
    if let Value::Object(headers) = &mut entry.headers {
        headers.insert(REASON.to_owned(), fault.reason().into());
        headers.insert(ERROR.to_owned(), envelope::printable(&fault.chain()).into());
    }
    Again { entry, kept_at: Some(DateTime::UNIX_EPOCH) }
}

async fn put_back(tx: &mut Tx, again: &Again) -> Result<(), Fault> {
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

/// Whether the event is kept and waits.
pub(super) async fn waits(tx: &mut Tx, delivery: &Delivery) -> Result<bool, Fault> {
    let answer: Answer =
        statement("select exists (select 1 from early where consumer = $1 and event_id = $2)")
            .bind::<Text, _>(&*delivery.consumer)
            .bind::<SqlUuid, _>(delivery.id())
            .get_result(tx.conn())
            .await?;
    Ok(answer.exists)
}

async fn lock(tx: &mut Tx, awaited: &[String]) -> Result<(), Fault> {
    statement(
        "select pg_advisory_xact_lock(hashtextextended('souk.early:' || name, 0))
         from (select name from unnest($1) as name order by name collate \"C\") names",
    )
    .bind::<Array<Text>, _>(awaited)
    .execute(tx.conn())
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct Stale {
    #[diesel(sql_type = Text)]
    consumer: String,
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
    #[diesel(sql_type = Text)]
    awaited: String,
    #[diesel(sql_type = Text)]
    subject: String,
    #[diesel(sql_type = Jsonb)]
    headers: Value,
    #[diesel(sql_type = Binary)]
    payload: Vec<u8>,
    #[diesel(sql_type = Timestamptz)]
    kept_at: DateTime<Utc>,
}

/// Makes dead letters of what has waited too long. The letter is acknowledged first; then one transaction removes entry
/// and claim, so that a replay of the letter can have its effect. Dying in between costs nothing: a letter exists once.
pub(super) async fn sweep(consumers: &Consumers) -> Result<usize, Fault> {
    let stale: Vec<Stale> = consumers
        .db
        .write("bus.early_stale", async |tx| {
            let before = tx.now().await? - PATIENCE;
            let rows = statement(
                "select consumer, event_id, awaited, subject, headers, payload, kept_at
                 from early where kept_at < $1 order by kept_at limit $2",
            )
            .bind::<Timestamptz, _>(before)
            .bind::<diesel::sql_types::BigInt, _>(ROUND)
            .get_results(tx.conn())
            .await?;
            Ok(rows)
        })
        .await?;
    let swept = stale.len();
    for row in stale {
        point::reached("sweep.early").await?;
        dead::post(&consumers.bus, consumers.service(), &letter(&row)).await?;
        point::reached("sweep.early.posted").await?;
        remove(consumers, &row).await?;
    }
    Ok(swept)
}

fn letter(row: &Stale) -> Burial {
    let mut stored = row.headers.clone();
    let mut take = |name: &str| {
        let taken = stored.as_object_mut().and_then(|headers| headers.remove(name));
        taken.and_then(|value| value.as_str().map(envelope::plain))
    };
    let reason = take(REASON);
    let error = take(ERROR);
    Burial {
        consumer: row.consumer.clone(),
        letter_id: row.event_id.to_string(),
        subject: row.subject.clone(),
        headers: envelope::from_json(&stored),
        payload: row.payload.clone().into(),
        reason: reason.unwrap_or_else(|| dead::Reason::TooEarly.name().to_owned()),
        error: error.unwrap_or_else(|| format!("waited for {} in vain", row.awaited)),
        attempts: 1,
        first_at: if row.kept_at == DateTime::UNIX_EPOCH { Utc::now() } else { row.kept_at },
    }
}

async fn remove(consumers: &Consumers, row: &Stale) -> Result<(), Fault> {
    consumers
        .db
        .write("bus.early_remove", async |tx| {
            // What was taken meanwhile has had its effect, and its claim must stay.
            statement(
                "with gone as (
                   delete from early where consumer = $1 and event_id = $2 returning consumer, event_id)
                 delete from inbox using gone
                 where inbox.consumer = gone.consumer and inbox.event_id = gone.event_id",
            )
            .bind::<Text, _>(&row.consumer)
            .bind::<SqlUuid, _>(row.event_id)
            .execute(tx.conn())
            .await?;
            Ok(())
        })
        .await
}
