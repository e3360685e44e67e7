//! Failures of single events, counted in our own table: the broker's count rises for innocent ones too.

use super::{Consumers, Delivery};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Integer, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;

/// Failures after which an event is a dead letter.
pub(super) const MOST: u32 = 3;

/// What is known of an event's failures.
#[derive(QueryableByName)]
pub(super) struct Attempts {
    #[diesel(sql_type = Integer)]
    failures: i32,
    #[diesel(sql_type = Timestamptz)]
    pub first_at: DateTime<Utc>,
}

impl Attempts {
    pub fn failures(&self) -> u32 {
        u32::try_from(self.failures).unwrap_or_default()
    }
}

/// Counts one more failure.
pub(super) async fn count(
    consumers: &Consumers,
    delivery: &Delivery,
    error: &str,
) -> Result<Attempts, Fault> {
    consumers
        .db
        .write("bus.count_attempt", async |tx| {
            let counted = sql_query(
                "insert into attempts as known (consumer, event_id, failures, last_error)
                 values ($1, $2, 1, $3)
                 on conflict (consumer, event_id) do update
                 set failures = known.failures + 1, last_error = excluded.last_error,
                     last_at = clock_timestamp()
                 returning failures, first_at",
            )
            .bind::<Text, _>(&*delivery.consumer)
            .bind::<SqlUuid, _>(delivery.id())
            .bind::<Text, _>(error)
            .get_result(tx.conn())
            .await?;
            Ok(counted)
        })
        .await
}
