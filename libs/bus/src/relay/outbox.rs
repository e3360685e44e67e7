//! The outbox as the relay reads and marks it.

use super::lead::Ended;
use super::session::{Session, lost};
use crate::Envelope;
use bytes::Bytes;
use chrono::DateTime;
use fault::{Fault, point};
use std::time::Duration;
use tokio_postgres::{Error, Row as SqlRow};
use uuid::Uuid;

/// Most rows that are read at once.
pub(super) const PAGE: usize = 1_000;

/// Bytes of events after which no more are read at once: they are in memory together, and must come within the time that a
/// statement has.
const PAGE_BYTES: usize = 16 * 1024 * 1024;

/// By state and never by a cursor: a transaction that is still open has a smaller `seq` than others that are published.
/// A key with a refused row waits as a whole, so that its order stays.
pub(super) fn unpublished_sql() -> String {
    format!(
        "select seq, id::text, subject, message, key, version, payload,
                headers ->> 'correlation-id', headers ->> 'causation-id', headers ->> 'traceparent',
                (extract(epoch from created_at) * 1000000)::bigint
         from (
           select *, sum(octet_length(payload)) over (order by seq rows unbounded preceding)
                     - octet_length(payload) as before
           from (
             select * from outbox
             where published_at is null
               and seq not in (select unnest($1::bigint[]))
               and key not in (
                 select key from outbox where published_at is null and retry_at > clock_timestamp())
             order by seq
             limit {PAGE}) page) measured
         where before < {PAGE_BYTES}
         order by seq"
    )
}

pub(super) const MARK: &str = "
    with marked as (
      update outbox
      set published_at = clock_timestamp(), published_seq = done.position,
          retry_at = null, last_error = null
      from unnest($1::bigint[], $2::bigint[]) as done (seq, position)
      where outbox.seq = done.seq)
    update relay_state set acked_seq = $4 where stream = $3";

pub(super) const REFUSE: &str = "
    update outbox
    set attempts = attempts + 1, last_error = $2,
        retry_at = clock_timestamp()
                   + least($3::float8 * power(2, least(attempts, 20)), 300) * interval '1 second'
    where seq = $1";

/// The count is bounded: after a long outage counting itself would take long.
pub(super) const BACKLOG: &str = "
    select (select count(*) from (select from outbox where published_at is null limit 100000) rows),
           coalesce((select extract(epoch from clock_timestamp() - created_at)::float8
                     from outbox where published_at is null order by seq limit 1), 0),
           (select count(*) from outbox where published_at is null and retry_at is not null)";

/// An event of the outbox.
pub(super) struct Row {
    pub seq: i64,
    pub envelope: Envelope,
    pub payload: Bytes,
}

/// Whether these are as many as are read at once; then there may be more.
pub(super) fn fill_a_page<'a>(rows: impl IntoIterator<Item = &'a Row>) -> bool {
    let (mut count, mut bytes) = (0, 0);
    for row in rows {
        count += 1;
        bytes += row.payload.len();
    }
    count >= PAGE || bytes >= PAGE_BYTES
}

/// What is to be published next, in order.
pub(super) async fn unpublished(session: &Session, service: &str) -> Result<Vec<Row>, Ended> {
    behind(session, service, &[]).await
}

/// What is to be published after the rows that were read before and are not marked yet.
pub(super) async fn behind(
    session: &Session,
    service: &str,
    unmarked: &[i64],
) -> Result<Vec<Row>, Ended> {
    let rows = session.query(&session.statements.unpublished, &[&unmarked]).await?;
    rows.iter().map(|row| read(row, service)).collect()
}

fn read(row: &SqlRow, service: &str) -> Result<Row, Ended> {
    let id: String = get(row, 1)?;
    let created: i64 = get(row, 10)?;
    let broken =
        |what: &str| Ended::Lost(Fault::internal(format!("the outbox holds a broken {what}")));
    Ok(Row {
        seq: get(row, 0)?,
        envelope: Envelope {
            id: Uuid::parse_str(&id).map_err(|_| broken("id"))?,
            subject: get(row, 2)?,
            message: get(row, 3)?,
            source: format!("/souk/{service}"),
            key: get(row, 4)?,
            version: get(row, 5)?,
            at: DateTime::from_timestamp_micros(created).ok_or_else(|| broken("time"))?,
            correlation_id: get(row, 7)?,
            causation_id: get(row, 8)?,
            traceparent: get(row, 9)?,
        },
        payload: get::<Vec<u8>>(row, 6)?.into(),
    })
}

pub(super) fn get<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a SqlRow,
    column: usize,
) -> Result<T, Ended> {
    row.try_get(column).map_err(|error: Error| lost(error))
}

/// An acknowledged row and its position in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Acked {
    pub seq: i64,
    pub position: u64,
    /// The broker had it already.
    pub duplicate: bool,
}

/// Marks rows as published and keeps the highest position that the broker ever acknowledged, in one statement.
pub(super) async fn mark(
    session: &Session,
    stream: &str,
    acked: &[Acked],
    highest: u64,
) -> Result<(), Ended> {
    point::reached("relay.mark").await.map_err(Ended::Lost)?;
    let seqs: Vec<i64> = acked.iter().map(|acked| acked.seq).collect();
    let positions: Vec<i64> = acked.iter().map(|acked| acked.position.cast_signed()).collect();
    let highest = highest.cast_signed();
    session.execute(&session.statements.mark, &[&seqs, &positions, &stream, &highest]).await?;
    point::reached("relay.marked").await.map_err(Ended::Lost)
}

/// Notes that the broker refused a row, and has its key wait.
pub(super) async fn refuse(
    session: &Session,
    seq: i64,
    error: &str,
    first: Duration,
) -> Result<(), Ended> {
    point::reached("relay.refuse").await.map_err(Ended::Lost)?;
    let first = first.as_secs_f64();
    session.execute(&session.statements.refuse, &[&seq, &error, &first]).await?;
    point::reached("relay.refused").await.map_err(Ended::Lost)
}

/// Sets the gauges of what waits.
pub(super) async fn measure(session: &Session, service: &'static str) -> Result<(), Ended> {
    let rows = session.query(&session.statements.backlog, &[]).await?;
    let Some(row) = rows.first() else { return Ok(()) };
    let count = |column| get::<i64>(row, column).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    metrics::gauge!("outbox_pending", "service" => service).set(f64::from(count(0)?));
    metrics::gauge!("outbox_oldest_age_seconds", "service" => service).set(get::<f64>(row, 1)?);
    metrics::gauge!("outbox_refused", "service" => service).set(f64::from(count(2)?));
    Ok(())
}
