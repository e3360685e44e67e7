//! Failures of single events, counted in our own table: the broker's count of deliveries also rises when nothing failed.

use super::context::Consumers;
use super::delivery::Delivery;
use super::outage;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::{early, inbox, statement};

/// Failures after which an event is a dead letter.
pub(super) const MAX_FAILURES: u32 = 3;

/// The failures of an event.
#[derive(QueryableByName)]
pub(super) struct Attempts {
    #[diesel(sql_type = Integer)]
    failures: i32,
    #[diesel(sql_type = Timestamptz)]
    pub first_at: DateTime<Utc>,
    /// How it failed last; none: the process died.
    #[diesel(sql_type = Nullable<Text>)]
    pub last_error: Option<String>,
}

impl Attempts {
    pub fn failures(&self) -> u32 {
        u32::try_from(self.failures).unwrap_or_default()
    }
}

/// Whether an event that is about to run in isolation may do so.
pub(super) enum Start {
    /// It may run.
    New,
    /// It had its effect before.
    Duplicate,
    /// It failed too often.
    Exhausted(Attempts),
}

/// Commits that an event is about to run in isolation. An earlier start without an end means that the process died, and
/// counts as a failure; unless this process made it and merely failed to commit its end.
pub(super) async fn start(consumers: &Consumers, delivery: &Delivery) -> Result<Start, Fault> {
    let started = consumers.db.write("bus.start_attempt", async |tx| {
        // A kept event is claimed too, and has its effect before it.
        let claimed = inbox::claimed(tx, &delivery.consumer, delivery.id()).await?;
        if claimed && !early::waits(tx, &delivery.consumer, delivery.id()).await? {
            return Ok(Start::Duplicate);
        }
        let known: Attempts = statement(
            "insert into attempts as known (consumer, event_id, started_at, started_by)
                 values ($1, $2, clock_timestamp(), $3)
                 on conflict (consumer, event_id) do update
                 set failures = known.failures + (known.started_at is not null
                         and known.started_by is distinct from excluded.started_by)::integer,
                     last_error = case when known.started_at is null
                         or known.started_by is not distinct from excluded.started_by
                         then known.last_error end,
                     started_at = clock_timestamp(), started_by = excluded.started_by,
                     last_at = clock_timestamp()
                 returning failures, first_at, last_error",
        )
        .bind::<Text, _>(&*delivery.consumer)
        .bind::<SqlUuid, _>(delivery.id())
        .bind::<SqlUuid, _>(consumers.process)
        .get_result(tx.conn())
        .await?;
        Ok(if known.failures() < MAX_FAILURES { Start::New } else { Start::Exhausted(known) })
    });
    outage::bounded(consumers, started).await
}

/// Commits that the process survived the event.
pub(super) async fn finish(consumers: &Consumers, delivery: &Delivery) -> Result<(), Fault> {
    let finished = consumers.db.write("bus.finish_attempt", async |tx| {
        statement(
            "with spotless as (
                   delete from attempts where consumer = $1 and event_id = $2 and failures = 0)
                 update attempts set started_at = null
                 where consumer = $1 and event_id = $2 and failures > 0",
        )
        .bind::<Text, _>(&*delivery.consumer)
        .bind::<SqlUuid, _>(delivery.id())
        .execute(tx.conn())
        .await?;
        Ok(())
    });
    outage::bounded(consumers, finished).await
}

/// Counts one more failure. It is not worth a disk flush: a count that a crash of the database forgets is one more try.
pub(super) async fn count(
    consumers: &Consumers,
    delivery: &Delivery,
    error: &str,
) -> Result<Attempts, Fault> {
    let counted = consumers.db.write("bus.count_attempt", async |tx| {
        let counted = statement(
            "insert into attempts as known (consumer, event_id, failures, last_error)
                 select $1, $2, 1, $3
                 from (select set_config('synchronous_commit', 'off', true)) unflushed
                 on conflict (consumer, event_id) do update
                 set failures = known.failures + 1, last_error = excluded.last_error,
                     last_at = clock_timestamp()
                 returning failures, first_at, last_error",
        )
        .bind::<Text, _>(&*delivery.consumer)
        .bind::<SqlUuid, _>(delivery.id())
        .bind::<Text, _>(error)
        .get_result(tx.conn())
        .await?;
        Ok(counted)
    });
    outage::bounded(consumers, counted).await
}
