//! Kept events whose time is over: what they wait for has not come in a day, or their handler failed when it had come.

use super::Consumers;
use super::early::LETTER;
use crate::dead::{self, ATTEMPTS, Burial, ERROR, REASON};
use crate::envelope;
use chrono::{DateTime, TimeDelta, Utc};
use contracts::Reason as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Jsonb, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::{Fault, point};
use pg::statement;
use serde_json::Value;
use uuid::Uuid;

/// How long an event waits.
const PATIENCE: TimeDelta = TimeDelta::hours(24);

/// Entries that one round of the sweep takes at most.
const ROUND: i64 = 500;

#[derive(QueryableByName)]
struct Overdue {
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
    let overdue: Vec<Overdue> = consumers
        .db
        .write("bus.early_overdue", async |tx| {
            let before = tx.now().await? - PATIENCE;
            let rows = statement(
                "select consumer, event_id, awaited, subject, headers, payload, kept_at
                 from early where kept_at < $1 and arrived_at is null order by kept_at limit $2",
            )
            .bind::<Timestamptz, _>(before)
            .bind::<BigInt, _>(ROUND)
            .get_results(tx.conn())
            .await?;
            Ok(rows)
        })
        .await?;
    let swept = overdue.len();
    for row in overdue {
        point::reached("sweep.early").await?;
        let (burial, replayed) = letter(&row);
        if let Some(sequence) = replayed {
            // It would pass for the new one, until whoever replayed it removes it.
            let address = burial.address(consumers.service());
            dead::remove(&consumers.bus, consumers.service(), &address, sequence).await?;
        }
        dead::post(&consumers.bus, consumers.service(), &burial).await?;
        point::reached("sweep.early.posted").await?;
        remove(consumers, &row).await?;
    }
    Ok(swept)
}

/// With the position of the letter that the entry was made of, if it was.
fn letter(row: &Overdue) -> (Burial, Option<u64>) {
    let mut stored = row.headers.clone();
    let mut take = |name: &str| {
        let taken = stored.as_object_mut().and_then(|headers| headers.remove(name));
        taken.and_then(|value| value.as_str().map(envelope::plain))
    };
    let reason = take(REASON);
    let error = take(ERROR);
    let attempts = take(ATTEMPTS).and_then(|text| text.parse().ok());
    let replayed = take(LETTER).and_then(|text| text.parse().ok());
    let burial = Burial {
        consumer: row.consumer.clone(),
        letter_id: row.event_id.to_string(),
        subject: row.subject.clone(),
        headers: envelope::from_json(&stored),
        payload: row.payload.clone().into(),
        reason: reason.unwrap_or_else(|| dead::Reason::TooEarly.name().to_owned()),
        error: error.unwrap_or_else(|| format!("waited for {} in vain", row.awaited)),
        attempts: attempts.unwrap_or(1),
        first_at: if row.kept_at == DateTime::UNIX_EPOCH { Utc::now() } else { row.kept_at },
    };
    (burial, replayed)
}

async fn remove(consumers: &Consumers, row: &Overdue) -> Result<(), Fault> {
    consumers
        .db
        .write("bus.early_remove", async |tx| {
            // What was taken meanwhile has had its effect, and its claim must stay; what was kept again is another entry.
            statement(
                "with gone as (
                   delete from early where consumer = $1 and event_id = $2 and kept_at = $3
                   returning consumer, event_id)
                 delete from inbox using gone
                 where inbox.consumer = gone.consumer and inbox.event_id = gone.event_id",
            )
            .bind::<Text, _>(&row.consumer)
            .bind::<SqlUuid, _>(row.event_id)
            .bind::<Timestamptz, _>(row.kept_at)
            .execute(tx.conn())
            .await?;
            Ok(())
        })
        .await
}
