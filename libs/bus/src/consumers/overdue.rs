//! Kept events that have waited too long: what they wait for was not created within a day, or their handler failed once it was.

use super::context::Consumers;
use super::delivery::DEAD_LETTER_SEQUENCE;
use crate::dead::{self, ATTEMPTS, ERROR, NewDeadLetter, REASON};
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

/// How long a kept event waits at most.
const MAX_WAIT: TimeDelta = TimeDelta::hours(24);

/// Most entries that one sweep takes.
const MAX_SWEPT: i64 = 500;

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

impl Consumers {
    /// Makes dead letters of the events that have waited for more than a day; returns how many. [`Consumers::run`] does it
    /// every five seconds while events wait.
    pub async fn sweep_early(&self) -> Result<usize, Fault> {
        sweep(self).await
    }
}

/// First the broker acknowledges the dead letter; then one transaction removes entry and claim, so that a replay of the dead
/// letter can have its effect. A process that dies in between is no problem: there is one dead letter for each event.
async fn sweep(consumers: &Consumers) -> Result<usize, Fault> {
    let overdue: Vec<Overdue> = consumers
        .db
        .write("bus.early_overdue", async |tx| {
            let before = tx.now().await? - MAX_WAIT;
            let rows = statement(
                "select consumer, event_id, awaited, subject, headers, payload, kept_at
                 from early where kept_at < $1 and arrived_at is null order by kept_at limit $2",
            )
            .bind::<Timestamptz, _>(before)
            .bind::<BigInt, _>(MAX_SWEPT)
            .get_results(tx.conn())
            .await?;
            Ok(rows)
        })
        .await?;
    let swept = overdue.len();
    for row in overdue {
        point::reached("sweep.early").await?;
        let (dead_letter, replayed_from) = dead_letter(&row);
        if let Some(sequence) = replayed_from {
            // The new dead letter cannot be published while the old one exists; the replay that kept the event may still remove the old one.
            let subject = dead_letter.subject(consumers.service());
            dead::remove(&consumers.bus, consumers.service(), &subject, sequence).await?;
        }
        dead::publish(&consumers.bus, consumers.service(), &dead_letter).await?;
        point::reached("sweep.early.published").await?;
        remove(consumers, &row).await?;
    }
    Ok(swept)
}

/// With the position of the dead letter that the entry was made of, if it was made of one.
fn dead_letter(row: &Overdue) -> (NewDeadLetter, Option<u64>) {
    let mut stored = row.headers.clone();
    let mut take = |name: &str| {
        let taken = stored.as_object_mut().and_then(|headers| headers.remove(name));
        taken.and_then(|value| value.as_str().map(envelope::decode))
    };
    let reason = take(REASON);
    let error = take(ERROR);
    let attempts = take(ATTEMPTS).and_then(|text| text.parse().ok());
    let replayed_from = take(DEAD_LETTER_SEQUENCE).and_then(|text| text.parse().ok());
    let dead_letter = NewDeadLetter {
        consumer: row.consumer.clone(),
        event_id: row.event_id.to_string(),
        subject: row.subject.clone(),
        headers: envelope::from_json(&stored),
        payload: row.payload.clone().into(),
        reason: reason.unwrap_or_else(|| dead::Reason::TooEarly.name().to_owned()),
        error: error.unwrap_or_else(|| format!("waited for {} in vain", row.awaited)),
        attempts: attempts.unwrap_or(1),
        first_at: if row.kept_at == DateTime::UNIX_EPOCH { Utc::now() } else { row.kept_at },
    };
    (dead_letter, replayed_from)
}

async fn remove(consumers: &Consumers, row: &Overdue) -> Result<(), Fault> {
    consumers
        .db
        .write("bus.early_remove", async |tx| {
            // An event that was taken meanwhile has had its effect, and its claim must stay; one that was kept again is another entry.
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
