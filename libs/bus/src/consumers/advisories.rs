//! The last net. A message that was sent as often as the broker may send it is sent no more, and nothing here would ever hear
//! of it; but the broker notes it, a stream catches the note, and a dead letter is made of the message.

use super::Consumers;
use crate::dead::{self, Burial, Reason};
use crate::streams::{self, ADVISORIES, GIVEN_UP};
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use chrono::{DateTime, Utc};
use contracts::Reason as _;
use fault::{Fault, point};
use pg::inbox;
use serde_json::Value;

/// Makes dead letters of what the broker gave up; returns how many. A letter exists once, so several processes may do it.
pub(super) async fn sweep(consumers: &Consumers) -> Result<usize, Fault> {
    let notes = stream(consumers, ADVISORIES).await?;
    let mut buried = 0;
    for publisher in consumers.registry.publishers() {
        let name = consumers.name(publisher);
        let source = streams::events(publisher);
        let subject = format!("{GIVEN_UP}.{source}.{name}");
        let events = Source { stream: stream(consumers, &source).await?, name: source };
        let mut next = 1;
        while let Some(note) = next_note(&notes, next, &subject).await? {
            next = note.sequence + 1;
            point::reached("advisory.read").await?;
            buried += usize::from(follow(consumers, &name, &events, &note).await?);
            // What is followed up needs no second look; where the note stays, the next sweep finds a letter there.
            let _ = notes.delete_message(note.sequence).await;
        }
    }
    Ok(buried)
}

/// A publisher's stream.
struct Source {
    stream: Stream<()>,
    name: String,
}

async fn next_note(
    notes: &Stream<()>,
    from: u64,
    subject: &str,
) -> Result<Option<StreamMessage>, Fault> {
    match notes.raw_message_builder().sequence(from).next_by_subject(subject).send().await {
        Ok(note) => Ok(Some(note)),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(Fault::unavailable("the broker", error)),
    }
}

/// Whether the message that the note tells of became a dead letter.
async fn follow(
    consumers: &Consumers,
    name: &str,
    events: &Source,
    note: &StreamMessage,
) -> Result<bool, Fault> {
    let told: Value = serde_json::from_slice(&note.payload).unwrap_or_default();
    let number = |name: &str| told.get(name).and_then(Value::as_u64);
    let (Some(sequence), Some(deliveries)) = (number("stream_seq"), number("deliveries")) else {
        tracing::error!(consumer = name, "the broker's note {} cannot be read", note.sequence);
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
    if had(consumers, name, &message).await? {
        return Ok(false);
    }
    let burial = burial(name, events, message, u32::try_from(deliveries).unwrap_or(u32::MAX));
    dead::post(&consumers.bus, consumers.service(), &burial).await?;
    point::reached("advisory.posted").await?;
    tracing::error!(consumer = name, id = burial.letter_id, "the broker gave up an event");
    Ok(true)
}

/// Whether the event had its effect, or is kept until it can have it.
async fn had(consumers: &Consumers, name: &str, message: &StreamMessage) -> Result<bool, Fault> {
    let Some(id) = crate::envelope::id(&message.headers) else { return Ok(false) };
    consumers.db.read("bus.given_up", async move |tx| inbox::claimed(tx, name, id).await).await
}

fn burial(name: &str, events: &Source, message: StreamMessage, deliveries: u32) -> Burial {
    let position = || format!("{}-{}", events.name, message.sequence);
    let id = crate::envelope::id(&message.headers);
    Burial {
        consumer: name.to_owned(),
        letter_id: id.map_or_else(position, |id| id.to_string()),
        subject: message.subject.to_string(),
        reason: Reason::GivenUp.name().to_owned(),
        error: format!("the broker sent it {deliveries} times without an answer that it is done"),
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
