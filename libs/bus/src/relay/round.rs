//! Publishes a backlog: while one batch is on its way, the one before it is marked and the next rows are read. Batches go
//! one after the other, since several at once are no faster, and could change the order of a key.

use super::context::Relay;
use super::error::RelayError;
use super::loss::KnownStream;
use super::outbox::{self, Acked, Row};
use super::publish;
use super::published::Published;
use super::session::Session;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Longest time that a round goes on reading: the gauges are set between rounds.
pub(super) const MAX_ROUND_TIME: Duration = Duration::from_secs(2);

/// Publishes what was read, and what comes after it for a while, and marks what was published; returns the reason if the broker
/// takes nothing. A refused row ends the round, since what was read ahead may hold later rows of its key.
pub(super) async fn round(
    relay: &Relay,
    session: &Session,
    rows: Vec<Row>,
    known: &mut KnownStream,
    batches: &mut bool,
    stop: &CancellationToken,
) -> Result<Option<String>, RelayError> {
    let service = relay.db.service();
    let until = Instant::now() + MAX_ROUND_TIME;
    let mut full = outbox::is_full_page(&rows);
    let mut waiting = VecDeque::from(rows);
    let mut unmarked: Vec<Acked> = Vec::new();
    while !waiting.is_empty() {
        let mut batch = publish::take_batch(&mut waiting);
        let go_on = full && Instant::now() < until && !stop.is_cancelled();
        let read_before: Vec<i64> = unmarked
            .iter()
            .map(|acked| acked.seq)
            .chain(batch.iter().chain(&waiting).map(|row| row.seq))
            .collect();
        let reading = async {
            if go_on && !outbox::is_full_page(&waiting) {
                outbox::unpublished_after(session, service, &read_before).await.map(Some)
            } else {
                Ok(None)
            }
        };
        let marking = mark(session, known, &unmarked);
        let publishing =
            session.alive_while(publish::publish(&relay.bus, service, &mut batch, batches));
        let ((), read, published) = tokio::try_join!(marking, reading, publishing)?;

        known.check_acked(session, &published.acked).await?;
        if !published.refused.is_empty() || published.unavailable.is_some() {
            mark(session, known, &published.acked).await?;
            refuse(relay, session, &batch, &published).await?;
            return Ok(published.unavailable);
        }
        unmarked = published.acked;
        if let Some(read) = read {
            full = outbox::is_full_page(&read);
            waiting.extend(read);
        }
    }
    mark(session, known, &unmarked).await?;
    Ok(None)
}

async fn mark(session: &Session, known: &KnownStream, acked: &[Acked]) -> Result<(), RelayError> {
    if acked.is_empty() {
        return Ok(());
    }
    outbox::mark(session, &known.name, acked, known.acked).await
}

async fn refuse(
    relay: &Relay,
    session: &Session,
    batch: &[Row],
    published: &Published,
) -> Result<(), RelayError> {
    let service = relay.db.service();
    for (seq, why) in &published.refused {
        outbox::refuse(session, *seq, why, relay.tuning.refused).await?;
        metrics::counter!("outbox_publish_failures_total", "service" => service).increment(1);
        if let Some(row) = batch.iter().find(|row| row.seq == *seq) {
            let (id, key) = (row.envelope.id, &row.envelope.key);
            tracing::error!(service, %id, key, "the broker refuses an event: {why}");
        }
    }
    Ok(())
}
