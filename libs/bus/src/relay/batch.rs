//! Atomic batches: all events or none, with one disk flush for all.

use super::failure::{Failure, classify, code};
use super::outbox::{Acked, Row};
use crate::Bus;
use async_nats::header::{
    NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE, NATS_MESSAGE_ID,
};
use async_nats::jetstream::message::PublishMessage;
use fault::{Fault, point};

/// Why nothing of a batch was stored, as far as is known.
pub(super) enum Failed {
    /// The broker accepts nothing at the moment, or the outcome is unknown.
    Unavailable(String),
    /// The stream takes no batches.
    NotAllowed,
    /// The batch as a whole was refused.
    Refused(String),
}

/// The broker's code for a stream without batches.
const BATCHES_DISABLED_ERROR: u64 = 10174;

/// What fails at a point leaves the outcome open, as a lost acknowledgement does.
async fn reached(name: &'static str) -> Result<(), Failed> {
    point::reached(name).await.map_err(|fault: Fault| Failed::Unavailable(fault.chain()))
}

/// Publishes all rows as one batch.
pub(super) async fn publish(bus: &Bus, rows: &[&Row]) -> Result<Vec<Acked>, Failed> {
    let Some((last, others)) = rows.split_last() else { return Ok(Vec::new()) };
    reached("relay.batch").await?;
    let batch = bus.client().new_inbox();
    // An inbox's name is unique, and without its prefix short enough for an id.
    let batch = batch.trim_start_matches("_INBOX.");
    let headers = |row: &Row, position: usize| {
        let mut headers = row.envelope.headers();
        headers.insert(NATS_MESSAGE_ID, row.envelope.id.to_string());
        headers.insert(NATS_BATCH_ID, batch);
        headers.insert(NATS_BATCH_SEQUENCE, position.to_string());
        headers
    };
    for (index, row) in others.iter().enumerate() {
        if index == rows.len() / 2 {
            reached("relay.batch.half").await?;
        }
        let (subject, payload) = (row.envelope.subject.clone(), row.payload.clone());
        let sent = bus.client().publish_with_headers(subject, headers(row, index + 1), payload);
        // The client names no row: the one that it refuses is found when they are sent one by one.
        sent.await.map_err(|error| Failed::Refused(error.to_string()))?;
    }
    reached("relay.batch.commit").await?;
    let mut committing = headers(last, rows.len());
    committing.insert(NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL);
    let message = PublishMessage::build().headers(committing).payload(last.payload.clone());
    let sent = bus.jetstream().send_publish(last.envelope.subject.clone(), message).await;
    let ack = match sent {
        Ok(ack) => ack.await,
        Err(error) => Err(error),
    }
    .map_err(|error| match classify(&error) {
        _ if code(&error).is_some_and(|why| why.error_code().0 == BATCHES_DISABLED_ERROR) => {
            Failed::NotAllowed
        }
        Failure::Unavailable(why) => Failed::Unavailable(why),
        Failure::Refused(why) => Failed::Refused(why),
    })?;
    reached("relay.batch.acked").await?;
    let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    if ack.batch_size != Some(count) || ack.sequence < count {
        return Err(Failed::Unavailable(format!("a batch of {count} was acknowledged as {ack:?}")));
    }
    let positions = (ack.sequence - count + 1)..;
    Ok(rows
        .iter()
        .zip(positions)
        .map(|(row, position)| Acked { seq: row.seq, position, duplicate: false })
        .collect())
}
