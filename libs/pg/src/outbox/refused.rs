//! Events that the broker refused. Their rows say when they are tried again, and until then the relay leaves out their keys.

use crate::{Tx, statement};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use uuid::Uuid;

/// Most rows that one call makes due: small enough that the relay does not wait for its locks.
const MOST: i64 = 5_000;

/// Which refused events are meant; everything absent means any.
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
    /// Its place in the outbox, which is the order of publishing.
    #[diesel(sql_type = BigInt)]
    pub seq: i64,
    /// Id of the event.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// Subject that it is published under.
    #[diesel(sql_type = Text)]
    pub subject: String,
    /// The aggregate, whose later events wait behind it.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// Version of the aggregate after the change.
    #[diesel(sql_type = BigInt)]
    pub version: i64,
    /// When it was made.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// Why the broker refused it last.
    #[diesel(sql_type = Text)]
    pub error: String,
    /// How often the broker refused it.
    #[diesel(sql_type = Integer)]
    pub attempts: i32,
    /// When it is tried next; in the past where that is due.
    #[diesel(sql_type = Timestamptz)]
    pub retry_at: DateTime<Utc>,
    /// Size of its content.
    #[diesel(sql_type = BigInt)]
    pub bytes: i64,
}

/// What one call made due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Rows that it made due, or for a dry run would have made.
    pub events: i64,
    /// The row after which the next call begins; none where all rows were looked at.
    pub next: Option<i64>,
}

#[derive(QueryableByName)]
struct Made {
    #[diesel(sql_type = BigInt)]
    events: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    next: Option<i64>,
}

/// Refused events behind the row `after`, in the order of publishing.
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

/// Has refused events behind the row `after` tried again at once; `dry_run` only counts.
///
/// A key is free only when none of its rows waits, so all of them become due in one statement with the row that was asked
/// for. What the relay publishes meanwhile is no longer refused: the statement waits for it and leaves it alone. The rows
/// keep their places, and count as refused until the broker takes them.
pub async fn retry(tx: &mut Tx, which: &Which, after: i64, dry_run: bool) -> Result<Due, Fault> {
    let made: Made = statement(
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
    .bind::<BigInt, _>(MOST)
    .bind::<Bool, _>(dry_run)
    .get_result(tx.conn())
    .await?;
    if !dry_run && made.events > 0 {
        tx.has_events();
    }
    Ok(Due { events: made.events, next: made.next })
}
