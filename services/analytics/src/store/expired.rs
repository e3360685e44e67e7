//! Rows that are deleted by their age.

use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Timestamptz};
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::{Tx, statement};

/// Rows that expire.
#[derive(Debug, Clone, Copy)]
pub enum Expired {
    /// Ids of events.
    Ids,
    /// Counters by the hour.
    Hours,
    /// Counters by the minute.
    Minutes,
    /// Events that were refused.
    Refused,
}

impl Expired {
    fn sql(self) -> &'static str {
        match self {
            Self::Ids => {
                "delete from event_ids where ctid = any (array(
                   select ctid from event_ids where day < ($1 at time zone 'UTC')::date limit $2 for update skip locked))"
            }
            Self::Hours => {
                "delete from counters where ctid = any (array(
                   select ctid from counters
                   where dimension = any ('{all,page,product,term}') and grain = 'hour' and bucket < $1
                   limit $2 for update skip locked))"
            }
            Self::Minutes => {
                "delete from counters where ctid = any (array(
                   select ctid from counters where dimension = 'all' and grain = 'minute' and bucket < $1
                   limit $2 for update skip locked))"
            }
            Self::Refused => {
                "delete from refused_events where ctid = any (array(
                   select ctid from refused_events where last_at < $1 limit $2 for update skip locked))"
            }
        }
    }
}

/// Deletes rows of before an instant, so many at most; returns how many.
pub async fn delete(
    tx: &mut Tx,
    what: Expired,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<usize, Fault> {
    Ok(statement(what.sql())
        .bind::<Timestamptz, _>(before)
        .bind::<BigInt, _>(limit)
        .execute(tx.conn())
        .await?)
}
