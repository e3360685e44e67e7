//! The outbox as the relay reads and marks it.

use super::error::RelayError;
use super::session::{Session, session_lost};
use super::sql::{MAX_PAGE_BYTES, MAX_PAGE_ROWS};
use crate::{Envelope, streams};
use bytes::Bytes;
use chrono::DateTime;
use fault::{Fault, point};
use std::time::Duration;
use tokio_postgres::{Error, Row as SqlRow};
use uuid::Uuid;

/// An event of the outbox.
pub(super) struct Row {
    pub seq: i64,
    pub envelope: Envelope,
    pub payload: Bytes,
}

/// Whether these are as many as are read at once; then there may be more.
pub(super) fn is_full_page<'a>(rows: impl IntoIterator<Item = &'a Row>) -> bool {
    let (mut count, mut bytes) = (0, 0);
    for row in rows {
        count += 1;
        bytes += row.payload.len();
    }
    count >= MAX_PAGE_ROWS || bytes >= MAX_PAGE_BYTES
}

/// What is to be published next, in order.
pub(super) async fn unpublished(session: &Session, service: &str) -> Result<Vec<Row>, RelayError> {
    unpublished_after(session, service, &[]).await
}

/// What is to be published after the rows that were read before and are not marked yet.
pub(super) async fn unpublished_after(
    session: &Session,
    service: &str,
    unmarked: &[i64],
) -> Result<Vec<Row>, RelayError> {
    let rows = session.query(&session.statements.unpublished, &[&unmarked]).await?;
    rows.iter().map(|row| read(row, service)).collect()
}

fn read(row: &SqlRow, service: &str) -> Result<Row, RelayError> {
    let id: String = get(row, 1)?;
    let created: i64 = get(row, 10)?;
    let broken = |what: &str| {
        RelayError::SessionLost(Fault::internal(format!("the outbox holds a broken {what}")))
    };
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
) -> Result<T, RelayError> {
    row.try_get(column).map_err(|error: Error| session_lost(error))
}

/// An acknowledged row and its position in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Acked {
    pub seq: i64,
    pub position: u64,
    /// The broker had stored it before.
    pub duplicate: bool,
}

/// Marks rows as published and stores the highest position that the broker ever acknowledged, in one statement.
pub(super) async fn mark(
    session: &Session,
    stream: &str,
    acked: &[Acked],
    highest: u64,
) -> Result<(), RelayError> {
    point::reached("relay.mark").await.map_err(RelayError::SessionLost)?;
    let seqs: Vec<i64> = acked.iter().map(|acked| acked.seq).collect();
    let positions: Vec<i64> = acked.iter().map(|acked| acked.position.cast_signed()).collect();
    let highest = highest.cast_signed();
    session.execute(&session.statements.mark, &[&seqs, &positions, &stream, &highest]).await?;
    point::reached("relay.marked").await.map_err(RelayError::SessionLost)
}

/// Notes that the broker refused a row, and has its key wait.
pub(super) async fn refuse(
    session: &Session,
    seq: i64,
    error: &str,
    first_backoff: Duration,
) -> Result<(), RelayError> {
    point::reached("relay.refuse").await.map_err(RelayError::SessionLost)?;
    let first_backoff = first_backoff.as_secs_f64();
    session.execute(&session.statements.refuse, &[&seq, &error, &first_backoff]).await?;
    point::reached("relay.refused").await.map_err(RelayError::SessionLost)
}

/// Sets the gauges of the backlog, and of a loss that is not resolved yet; returns whether there is a backlog.
pub(super) async fn measure(session: &Session, service: &'static str) -> Result<bool, RelayError> {
    let rows = session.query(&session.statements.backlog, &[&streams::events(service)]).await?;
    let Some(row) = rows.first() else { return Ok(false) };
    let count = |column| get::<i64>(row, column).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    metrics::gauge!("outbox_pending", "service" => service).set(f64::from(count(0)?));
    metrics::gauge!("outbox_oldest_age_seconds", "service" => service).set(get::<f64>(row, 1)?);
    metrics::gauge!("outbox_refused", "service" => service).set(f64::from(count(2)?));
    let lost = if get(row, 3)? { 1.0 } else { 0.0 };
    metrics::gauge!("outbox_broker_lost", "service" => service).set(lost);
    Ok(count(0)? > 0)
}
