//! Messages that the broker no longer delivers: it delivers a message `max_deliver` times and then never again. It publishes an advisory
//! for each, a stream stores the advisories, and a dead letter is made of the message.

use super::context::Consumers;
use crate::dead::{self, NewDeadLetter, Reason};
use crate::streams::{self, ADVISORIES, MAX_DELIVERIES_ADVISORY};
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use chrono::{DateTime, Utc};
use contracts::Reason as _;
use fault::{Fault, point};
use pg::inbox;
use serde_json::Value;

impl Consumers {
    /// Makes dead letters of the messages that the broker gave up; returns how many. [`Consumers::run`] does it each minute.
    pub async fn sweep_given_up(&self) -> Result<usize, Fault> {
        sweep(self).await
    }
}

/// There is one dead letter for each event, so several processes may sweep at once.
async fn sweep(consumers: &Consumers) -> Result<usize, Fault> {
    let advisories = stream(consumers, ADVISORIES).await?;
    let mut published = 0;
    for publisher in consumers.registry.publishers() {
        let name = consumers.name(publisher);
        let source = streams::events(publisher);
        let subject = format!("{MAX_DELIVERIES_ADVISORY}.{source}.{name}");
        let events = Source { stream: stream(consumers, &source).await?, name: source };
        let mut next = 1;
        while let Some(advisory) = next_advisory(&advisories, next, &subject).await? {
            next = advisory.sequence + 1;
            point::reached("advisory.read").await?;
            published += usize::from(make_dead_letter(consumers, &name, &events, &advisory).await?);
            // Where this fails, the next sweep finds that the dead letter exists.
            let _ = advisories.delete_message(advisory.sequence).await;
        }
    }
    Ok(published)
}

/// A publisher's stream.
struct Source {
    stream: Stream<()>,
    name: String,
}

async fn next_advisory(
    advisories: &Stream<()>,
    from: u64,
    subject: &str,
) -> Result<Option<StreamMessage>, Fault> {
    match advisories.raw_message_builder().sequence(from).next_by_subject(subject).send().await {
        Ok(advisory) => Ok(Some(advisory)),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(Fault::unavailable("the broker", error)),
    }
}

/// Makes a dead letter of the message that the advisory names; false where there is none to make.
async fn make_dead_letter(
    consumers: &Consumers,
    name: &str,
    events: &Source,
    advisory: &StreamMessage,
) -> Result<bool, Fault> {
    let advised: Value = serde_json::from_slice(&advisory.payload).unwrap_or_default();
    let number = |name: &str| advised.get(name).and_then(Value::as_u64);
    let (Some(sequence), Some(deliveries)) = (number("stream_seq"), number("deliveries")) else {
        tracing::error!(
            consumer = name,
            "the broker's advisory {} cannot be read",
            advisory.sequence
        );
        return Ok(false);
    };
    let message = match events.stream.get_raw_message(sequence).await {
        Ok(message) => message,
        // Too old, so the stream has dropped it.
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => {
            tracing::error!(consumer = name, sequence, "the broker gave up a message that is gone");
            return Ok(false);
        }
        Err(error) => return Err(Fault::unavailable("the broker", error)),
    };
    if has_effect(consumers, name, &message).await? {
        return Ok(false);
    }
    let dead_letter =
        dead_letter(name, events, message, u32::try_from(deliveries).unwrap_or(u32::MAX));
    dead::publish(&consumers.bus, consumers.service(), &dead_letter).await?;
    point::reached("advisory.published").await?;
    tracing::error!(consumer = name, id = dead_letter.event_id, "the broker gave up an event");
    Ok(true)
}

/// Whether the event has had its effect, or is kept until it can.
async fn has_effect(
    consumers: &Consumers,
    name: &str,
    message: &StreamMessage,
) -> Result<bool, Fault> {
    let Some(id) = crate::envelope::id(&message.headers) else { return Ok(false) };
    consumers.db.read("bus.given_up", async move |tx| inbox::claimed(tx, name, id).await).await
}

fn dead_letter(
    name: &str,
    events: &Source,
    message: StreamMessage,
    deliveries: u32,
) -> NewDeadLetter {
    let position = || format!("{}-{}", events.name, message.sequence);
    let id = crate::envelope::id(&message.headers);
    NewDeadLetter {
        consumer: name.to_owned(),
        event_id: id.map_or_else(position, |id| id.to_string()),
        subject: message.subject.to_string(),
        reason: Reason::GivenUp.name().to_owned(),
        error: format!("the broker delivered it {deliveries} times without an acknowledgement"),
        attempts: deliveries,
        first_at: DateTime::from_timestamp(message.time.unix_timestamp(), 0)
            .unwrap_or_else(Utc::now),
        headers: message.headers,
        payload: message.payload,
    }
}

async fn stream(consumers: &Consumers, name: &str) -> Result<Stream<()>, Fault> {
    let stream = consumers.bus.jetstream().get_stream_no_info(name).await;
    stream.map_err(|error| Fault::unavailable("the broker", error))
}
