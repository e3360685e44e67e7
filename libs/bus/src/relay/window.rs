//! One by one, with many acknowledgements outstanding, but never two of one key: where one fails, those behind it have
//! not been sent.

use super::failure::{Failure, classify};
use super::outbox::{Acked, Row};
use super::published::Published;
use crate::Bus;
use async_nats::jetstream::message::PublishMessage;
use fault::{Fault, point};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::collections::{HashMap, VecDeque};

/// Acknowledgements that may be outstanding.
const MAX_IN_FLIGHT: usize = 256;

/// Publishes rows in order per key. A refused row stops its key, an unavailable broker stops all.
pub(super) async fn publish(bus: &Bus, rows: &[&Row]) -> Published {
    let mut published = Published::default();
    let mut queues: HashMap<&str, VecDeque<&Row>> = HashMap::new();
    let mut ready: VecDeque<&str> = VecDeque::new();
    for row in rows {
        let key = row.envelope.key.as_str();
        let queue = queues.entry(key).or_default();
        if queue.is_empty() || point::off("one-key-per-window") {
            ready.push_back(key);
        }
        queue.push_back(row);
    }
    let mut in_flight = FuturesUnordered::new();
    loop {
        while published.unavailable.is_none() && in_flight.len() < MAX_IN_FLIGHT {
            let Some(key) = ready.pop_front() else { break };
            if let Some(row) = queues.get_mut(key).and_then(VecDeque::pop_front) {
                in_flight.push(async move {
                    let sent = bus.unless_broken(send(bus, row)).await;
                    (row, sent.unwrap_or_else(|broken| Err(Failure::Unavailable(broken.chain()))))
                });
            }
        }
        let Some((row, sent)) = in_flight.next().await else { return published };
        match sent {
            Ok(acked) => {
                published.acked.push(acked);
                ready.push_back(&row.envelope.key);
            }
            Err(Failure::Refused(why)) => published.refused.push((row.seq, why)),
            Err(Failure::Unavailable(why)) => published.unavailable = Some(why),
        }
    }
}

async fn send(bus: &Bus, row: &Row) -> Result<Acked, Failure> {
    let message = PublishMessage::build()
        .headers(row.envelope.headers())
        .message_id(row.envelope.id.to_string())
        .payload(row.payload.clone());
    let sent = bus.jetstream().send_publish(row.envelope.subject.clone(), message).await;
    reached("relay.window.sent").await?;
    let ack = match sent {
        Ok(ack) => ack.await,
        Err(error) => Err(error),
    }
    .map_err(|error| classify(&error))?;
    reached("relay.window.acked").await?;
    Ok(Acked { seq: row.seq, position: ack.sequence, duplicate: ack.duplicate })
}

/// What fails at a point leaves the outcome open, as a lost acknowledgement does.
async fn reached(name: &'static str) -> Result<(), Failure> {
    point::reached(name).await.map_err(|fault: Fault| Failure::Unavailable(fault.chain()))
}
