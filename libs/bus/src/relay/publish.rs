//! Publishes rows: as one atomic batch where that works, else one by one.

use super::outbox::Row;
use super::published::Published;
use super::{batch, window};
use crate::{Bus, spans, streams};
use std::collections::{HashSet, VecDeque};
use std::time::Instant;
use tracing::Span;

/// Most events of one atomic batch: as many as the broker allows, since it flushes once for each, however large.
const MAX_BATCH: usize = 1_000;

/// Most bytes of one atomic batch: the broker holds it in memory until it is complete.
const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Takes the rows of one publish off the front: as many as fit into one batch.
pub(super) fn take_batch(rows: &mut VecDeque<Row>) -> Vec<Row> {
    let mut bytes = 0;
    let fits = rows.iter().take(MAX_BATCH).take_while(|row| {
        bytes += row.payload.len();
        bytes <= MAX_BATCH_BYTES
    });
    let count = fits.count().max(1).min(rows.len());
    rows.drain(..count).collect()
}

/// Publishes rows as one batch where that works, else one by one. `batches` turns false where the stream takes none.
pub(super) async fn publish(
    bus: &Bus,
    service: &'static str,
    rows: &mut [Row],
    batches: &mut bool,
) -> Published {
    // They end with this function.
    let _spans: Vec<Span> =
        rows.iter_mut().filter_map(|row| spans::publishing(&mut row.envelope)).collect();
    let started = Instant::now();
    let (ours, foreign) = split_by_publisher(service, rows);
    let mut published = batch_or_one_by_one(bus, service, &ours, batches).await;
    for row in foreign {
        let error = format!("{} is no subject of {service}", row.envelope.subject);
        published.refused.push((row.seq, error));
    }
    if !published.acked.is_empty() {
        let count = u32::try_from(published.acked.len()).unwrap_or(u32::MAX);
        metrics::histogram!("outbox_batch_size", "service" => service).record(count);
        metrics::histogram!("outbox_publish_seconds", "service" => service)
            .record(started.elapsed());
    }
    published
}

/// What can be published, and rows whose subject belongs to another service; later rows of the key of such a row wait behind it.
fn split_by_publisher<'a>(service: &str, rows: &'a [Row]) -> (Vec<&'a Row>, Vec<&'a Row>) {
    let (mut ours, mut foreign) = (Vec::new(), Vec::new());
    let mut blocked_keys: HashSet<&str> = HashSet::new();
    for row in rows {
        if blocked_keys.contains(row.envelope.key.as_str()) {
            continue;
        }
        if streams::publisher(&row.envelope.subject) == service {
            ours.push(row);
        } else {
            blocked_keys.insert(&row.envelope.key);
            foreign.push(row);
        }
    }
    (ours, foreign)
}

async fn batch_or_one_by_one(
    bus: &Bus,
    service: &'static str,
    rows: &[&Row],
    batches: &mut bool,
) -> Published {
    if *batches && rows.len() > 1 {
        let sent = bus.unless_broken(batch::publish(bus, rows)).await;
        match sent.unwrap_or_else(|broken| Err(batch::Failed::Unavailable(broken.chain()))) {
            Ok(acked) => return Published { acked, ..Published::default() },
            Err(batch::Failed::Unavailable(why)) => {
                return Published { unavailable: Some(why), ..Published::default() };
            }
            Err(batch::Failed::NotAllowed) => *batches = false,
            // Usually because the broker has an id already: a batch whose outcome was unknown was stored.
            Err(batch::Failed::Refused(why)) => {
                metrics::counter!("outbox_split_batches_total", "service" => service).increment(1);
                tracing::info!(service, "a batch is published one by one: {why}");
            }
        }
    }
    window::publish(bus, rows).await
}
