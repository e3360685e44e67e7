//! Publishes a backlog: while one batch is on its way, the one before it is marked and the next rows are read. Batches go
//! one after the other, since several at once are no faster, and a key's order would be at stake.

use super::Relay;
use super::lead::{Ended, MEASURE};
use super::loss::Known;
use super::outbox::{self, Acked, Row};
use super::publish::{self, Published};
use super::session::Session;
use std::collections::VecDeque;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// Publishes what was read, and what is behind it for a while, and writes down what became of it; says why if the broker
/// takes nothing. A refused row ends the round, since what was read ahead may hold later rows of its key.
pub(super) async fn round(
    relay: &Relay,
    session: &Session,
    rows: Vec<Row>,
    known: &mut Known,
    batches: &mut bool,
    stop: &CancellationToken,
) -> Result<Option<String>, Ended> {
    let service = relay.db.service();
    let until = Instant::now() + MEASURE;
    let mut full = outbox::fill_a_page(&rows);
    let mut waiting = VecDeque::from(rows);
    let mut unmarked: Vec<Acked> = Vec::new();
    while !waiting.is_empty() {
        let batch = publish::take_batch(&mut waiting);
        let go_on = full && Instant::now() < until && !stop.is_cancelled();
        let read_before: Vec<i64> = unmarked
            .iter()
            .map(|acked| acked.seq)
            .chain(batch.iter().chain(&waiting).map(|row| row.seq))
            .collect();
        let reading = async {
            if go_on && !outbox::fill_a_page(&waiting) {
                outbox::behind(session, service, &read_before).await.map(Some)
            } else {
                Ok(None)
            }
        };
        let marking = mark(session, known, &unmarked);
        let publishing =
            session.alive_while(publish::publish(&relay.bus, service, &batch, batches));
        let ((), read, published) = tokio::try_join!(marking, reading, publishing)?;

        known.heard(session, &published.acked).await?;
        if !published.refused.is_empty() || published.away.is_some() {
            mark(session, known, &published.acked).await?;
            refuse(relay, session, &batch, &published).await?;
            return Ok(published.away);
        }
        unmarked = published.acked;
        if let Some(read) = read {
            full = outbox::fill_a_page(&read);
            waiting.extend(read);
        }
    }
    mark(session, known, &unmarked).await?;
    Ok(None)
}

async fn mark(session: &Session, known: &Known, acked: &[Acked]) -> Result<(), Ended> {
    if acked.is_empty() {
        return Ok(());
    }
    outbox::mark(session, &known.stream, acked, known.acked).await
}

async fn refuse(
    relay: &Relay,
    session: &Session,
    batch: &[Row],
    published: &Published,
) -> Result<(), Ended> {
    let service = relay.db.service();
    for (seq, why) in &published.refused {
        outbox::refuse(session, *seq, why, relay.tempo.refused).await?;
        metrics::counter!("outbox_publish_failures_total", "service" => service).increment(1);
        if let Some(row) = batch.iter().find(|row| row.seq == *seq) {
            let (id, key) = (row.envelope.id, &row.envelope.key);
            tracing::error!(service, %id, key, "the broker refuses an event: {why}");
        }
    }
    Ok(())
}
