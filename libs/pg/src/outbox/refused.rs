//! Events that the broker refused. Their rows hold the time of the next attempt; until then the relay skips all events of the same
//! keys.

use crate::{Tx, statement};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use uuid::Uuid;

/// Maximum number of rows in one call, so that the relay does not wait long for their locks.
const MAX_ROWS: i64 = 5_000;

/// Selects refused events; an absent condition matches all.
#[derive(Debug, Clone, Default)]
pub struct Which {
    /// Id of the event.
    pub id: Option<Uuid>,
    /// Key, exactly.
    pub key: Option<String>,
}

/// A refused event, without its content.
#[derive(Debug, QueryableByName)]
pub struct Refused {
    /// Sequence number in the outbox; events are published in this order.
    #[diesel(sql_type = BigInt)]
    pub seq: i64,
    /// Id of the event.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// Subject of the event.
    #[diesel(sql_type = Text)]
    pub subject: String,
    /// Key of the aggregate; its later events wait for this one.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// Version of the aggregate after the change.
    #[diesel(sql_type = BigInt)]
    pub version: i64,
    /// When it was created.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// The broker's last error.
    #[diesel(sql_type = Text)]
    pub error: String,
    /// How often the broker refused it.
    #[diesel(sql_type = Integer)]
    pub attempts: i32,
    /// Time of the next attempt; in the past if that is due.
    #[diesel(sql_type = Timestamptz)]
    pub retry_at: DateTime<Utc>,
    /// Size of its payload.
    #[diesel(sql_type = BigInt)]
    pub bytes: i64,
}

/// Result of one call of [`retry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Number of events that will be tried again; for a dry run, that would be.
    pub events: i64,
    /// `after` of the next call; none if there are no more rows.
    pub next: Option<i64>,
}

#[derive(QueryableByName)]
struct Counts {
    #[diesel(sql_type = BigInt)]
    events: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    next: Option<i64>,
}

/// Refused events after the sequence number `after`, in the order of publishing.
pub async fn list(
    tx: &mut Tx,
    which: &Which,
    after: i64,
    limit: i64,
) -> Result<Vec<Refused>, Fault> {
    let rows = statement(
        "select seq, id, subject, key, version, created_at, coalesce(last_error, '') as error, attempts, retry_at,
                octet_length(payload)::bigint as bytes
         from outbox
         where published_at is null and retry_at is not null and seq > $1
           and ($2 is null or id = $2) and ($3 is null or key = $3)
         order by seq limit $4",
    )
    .bind::<BigInt, _>(after)
    .bind::<Nullable<SqlUuid>, _>(which.id)
    .bind::<Nullable<Text>, _>(which.key.as_deref())
    .bind::<BigInt, _>(limit)
    .get_results(tx.conn())
    .await?;
    Ok(rows)
}

/// Makes refused events after the sequence number `after` due now; `dry_run` only counts them.
///
/// The relay publishes a key only if none of its rows waits for a later time, so all refused rows of a selected key become due in
/// one statement. Rows that the relay publishes at the same time are left unchanged. The rows keep their sequence numbers, and stay
/// marked as refused until the broker accepts them.
pub async fn retry(tx: &mut Tx, which: &Which, after: i64, dry_run: bool) -> Result<Due, Fault> {
    let counts: Counts = statement(
        "with page as materialized (
           select seq, key from outbox
           where published_at is null and retry_at is not null and seq > $1
             and ($2 is null or id = $2) and ($3 is null or key = $3)
           order by seq limit $4),
         due as (
           update outbox set retry_at = clock_timestamp()
           where not $5 and published_at is null and retry_at is not null
             and key in (select key from page)
           returning seq)
         select count(*) filter (where $5 or seq in (select seq from due)) as events,
                case when count(*) = $4 then max(seq) end as next
         from page",
    )
    .bind::<BigInt, _>(after)
    .bind::<Nullable<SqlUuid>, _>(which.id)
    .bind::<Nullable<Text>, _>(which.key.as_deref())
    .bind::<BigInt, _>(MAX_ROWS)
    .bind::<Bool, _>(dry_run)
    .get_result(tx.conn())
    .await?;
    if !dry_run && counts.events > 0 {
        tx.has_events();
    }
    Ok(Due { events: counts.events, next: counts.next })
}
