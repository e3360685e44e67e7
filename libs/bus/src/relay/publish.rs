//! Publishing, and what the broker's errors mean.

use super::outbox::{Acked, Row};
use super::{batch, window};
use crate::{Bus, streams};
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::{self};
use std::collections::{HashSet, VecDeque};
use std::error::Error;
use std::time::Instant;

/// Most events of one atomic batch: as many as the broker allows, since it flushes once for each, however large.
const BATCH: usize = 1_000;

/// Most bytes of one atomic batch: the broker holds it in memory until it is complete.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// What became of some rows; those of neither list are to be read again.
#[derive(Debug, Default)]
pub(super) struct Published {
    pub acked: Vec<Acked>,
    /// Rows that the broker refuses, with its reason.
    pub refused: Vec<(i64, String)>,
    /// Why the broker takes nothing at the moment.
    pub away: Option<String>,
}

/// What an error of the broker is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Not about this row: the broker cannot be reached, takes nothing, or did not say what became of it.
    Away(String),
    /// About this row.
    Refused(String),
}

/// Takes the rows of one publish off the front: as many as fit into one batch.
pub(super) fn take_batch(rows: &mut VecDeque<Row>) -> Vec<Row> {
    let mut bytes = 0;
    let fits = rows.iter().take(BATCH).take_while(|row| {
        bytes += row.payload.len();
        bytes <= BATCH_BYTES
    });
    let count = fits.count().max(1).min(rows.len());
    rows.drain(..count).collect()
}

/// Publishes rows as one batch where that works, else one by one. `batches` turns false where the stream takes none.
pub(super) async fn publish(
    bus: &Bus,
    service: &'static str,
    rows: &[Row],
    batches: &mut bool,
) -> Published {
    let started = Instant::now();
    let (ours, foreign) = part(service, rows);
    let mut published = together_or_alone(bus, service, &ours, batches).await;
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

/// What can be published, and what is of no subject of ours; later rows of a key of the latter stay behind it.
fn part<'a>(service: &str, rows: &'a [Row]) -> (Vec<&'a Row>, Vec<&'a Row>) {
    let (mut ours, mut foreign) = (Vec::new(), Vec::new());
    let mut stopped: HashSet<&str> = HashSet::new();
    for row in rows {
        if stopped.contains(row.envelope.key.as_str()) {
            continue;
        }
        if streams::publisher(&row.envelope.subject) == service {
            ours.push(row);
        } else {
            stopped.insert(&row.envelope.key);
            foreign.push(row);
        }
    }
    (ours, foreign)
}

async fn together_or_alone(
    bus: &Bus,
    service: &'static str,
    rows: &[&Row],
    batches: &mut bool,
) -> Published {
    if *batches && rows.len() > 1 {
        let sent = bus.unless_broken(batch::publish(bus, rows)).await;
        match sent.unwrap_or_else(|broken| Err(batch::Failed::Away(broken.chain()))) {
            Ok(acked) => return Published { acked, ..Published::default() },
            Err(batch::Failed::Away(why)) => {
                return Published { away: Some(why), ..Published::default() };
            }
            Err(batch::Failed::NotAllowed) => *batches = false,
            // The usual reason is an id that the broker knows: a batch whose outcome was unknown had been stored.
            Err(batch::Failed::Refused(why)) => {
                metrics::counter!("outbox_split_batches_total", "service" => service).increment(1);
                tracing::info!(service, "a batch is published one by one: {why}");
            }
        }
    }
    window::publish(bus, rows).await
}

/// The broker's own code of an error, if it comes from the broker.
pub(super) fn code(error: &PublishError) -> Option<&jetstream::Error> {
    error.source()?.downcast_ref::<jetstream::Error>()
}

/// The account is full: its class says that the request is wrong, but every other row would be refused too.
const ACCOUNT_FULL: u64 = 10002;

/// The same id is on its way already.
const IN_FLIGHT: u64 = 10158;

pub(super) fn judge(error: &PublishError) -> Trouble {
    let text = code(error).map_or_else(|| error.to_string(), ToString::to_string);
    match error.kind() {
        PublishErrorKind::MaxPayloadExceeded => Trouble::Refused(text),
        PublishErrorKind::Other => match code(error) {
            Some(why) if why.code() >= 500 => Trouble::Away(text),
            Some(why) if [ACCOUNT_FULL, IN_FLIGHT].contains(&why.error_code().0) => {
                Trouble::Away(text)
            }
            Some(_) => Trouble::Refused(text),
            None => Trouble::Away(text),
        },
        PublishErrorKind::WrongLastMessageId | PublishErrorKind::WrongLastSequence => {
            Trouble::Refused(text)
        }
        PublishErrorKind::StreamNotFound
        | PublishErrorKind::TimedOut
        | PublishErrorKind::BrokenPipe
        | PublishErrorKind::MaxAckPending => Trouble::Away(text),
    }
}
