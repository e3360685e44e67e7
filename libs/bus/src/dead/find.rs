//! Finds dead letters and removes them. A service that never consumed an event has no stream, and so no dead letters.

use super::dead_letter::{self, DeadLetter};
use super::filter;
use crate::{Bus, streams};
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{
    PurgeErrorKind, RawMessageError, RawMessageErrorKind, State, Stream,
};
use contracts::operations::v1::DeadLetterFilter;
use fault::{Fault, point};

/// Most dead letters that one page reads, so that it ends in time where few of them match.
const MAX_READ: usize = 2_000;

/// Bytes of dead letters after which a page ends: a page is in memory at once, and becomes one answer.
const MAX_PAGE_BYTES: usize = 2 * 1024 * 1024;

/// Some dead letters in the order of the stream.
#[derive(Debug, Default)]
pub struct Page {
    /// Those that match.
    pub dead_letters: Vec<DeadLetter>,
    /// Position to go on after; none where all dead letters were read.
    pub next: Option<u64>,
}

/// How many dead letters a service has, parked ones included.
pub async fn count(bus: &Bus, service: &str) -> Result<u64, Fault> {
    Ok(state(bus, service).await?.map_or(0, |state| state.messages))
}

/// Position of the newest dead letter that a service ever had; 0 where it had none.
pub async fn last(bus: &Bus, service: &str) -> Result<u64, Fault> {
    Ok(state(bus, service).await?.map_or(0, |state| state.last_sequence))
}

async fn state(bus: &Bus, service: &str) -> Result<Option<State>, Fault> {
    match bus.jetstream().get_stream(streams::dead(service)).await {
        Ok(stream) => Ok(Some(stream.cached_info().state.clone())),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(why)
                if why.error_code() == ErrorCode::STREAM_NOT_FOUND =>
            {
                Ok(None)
            }
            _ => Err(Fault::unavailable("the broker", error)),
        },
    }
}

/// The dead letters of a service after the one with sequence `after`, oldest first, at most `limit`.
pub async fn list(
    bus: &Bus,
    service: &str,
    after: u64,
    limit: usize,
) -> Result<Vec<DeadLetter>, Fault> {
    let stream = stream(bus, service).await?;
    let mut dead_letters = Vec::new();
    let mut next = after.saturating_add(1);
    while dead_letters.len() < limit {
        let Some(dead_letter) = next_of(&stream, &format!("dead.{service}.>"), next).await? else {
            break;
        };
        next = dead_letter.sequence + 1;
        dead_letters.push(dead_letter);
    }
    Ok(dead_letters)
}

/// The dead letters that match `filter` after position `after`, oldest first, at most `limit`. It reads a limited number of
/// dead letters, so it may return fewer and still a position to go on after.
pub async fn page(
    bus: &Bus,
    service: &str,
    filter: &DeadLetterFilter,
    after: u64,
    limit: usize,
) -> Result<Page, Fault> {
    let stream = stream(bus, service).await?;
    let subject = filter::subject(filter, service);
    let (mut dead_letters, mut bytes, mut position) = (Vec::new(), 0, after);
    for _ in 0..MAX_READ {
        if dead_letters.len() >= limit || bytes >= MAX_PAGE_BYTES {
            break;
        }
        let Some(dead_letter) = next_of(&stream, &subject, position.saturating_add(1)).await?
        else {
            return Ok(Page { dead_letters, next: None });
        };
        position = dead_letter.sequence;
        if filter::matches(filter, &dead_letter) {
            bytes += dead_letter.bytes();
            dead_letters.push(dead_letter);
        }
    }
    Ok(Page { dead_letters, next: Some(position) })
}

/// How many dead letters up to position `last` match `filter`, and whether that is all: it reads at most `max_read` dead letters
/// of the filter's subject.
pub async fn count_matching(
    bus: &Bus,
    service: &str,
    filter: &DeadLetterFilter,
    last: u64,
    max_read: usize,
) -> Result<(usize, bool), Fault> {
    let stream = stream(bus, service).await?;
    let subject = filter::subject(filter, service);
    let (mut found, mut position) = (0, 0);
    for _ in 0..max_read {
        match next_of(&stream, &subject, position + 1).await? {
            Some(dead_letter) if dead_letter.sequence <= last => {
                position = dead_letter.sequence;
                found += usize::from(filter::matches(filter, &dead_letter));
            }
            _ => return Ok((found, true)),
        }
    }
    Ok((found, false))
}

/// The dead letter of one consumer for one event, if there is one.
pub async fn find(
    bus: &Bus,
    service: &str,
    consumer: &str,
    event_id: &str,
) -> Result<Option<DeadLetter>, Fault> {
    let stream = stream(bus, service).await?;
    let subject = dead_letter::subject(service, consumer, event_id);
    found(stream.raw_message_builder().last_by_subject(subject).send().await)
}

/// The dead letter with that sequence, if it is still there.
pub async fn at(bus: &Bus, service: &str, sequence: u64) -> Result<Option<DeadLetter>, Fault> {
    found(stream(bus, service).await?.get_raw_message(sequence).await)
}

/// Removes a dead letter for good; one that is gone already is success.
pub async fn discard(bus: &Bus, dead_letter: &DeadLetter) -> Result<(), Fault> {
    remove(bus, &dead_letter.service, &dead_letter.subject(), dead_letter.sequence).await
}

/// Removes the dead letter that a subject had at a position. Both must match: a newer dead letter of the event stays, and so
/// does that of another event which a broker that lost its data has at that position now.
pub(crate) async fn remove(
    bus: &Bus,
    service: &str,
    subject: &str,
    sequence: u64,
) -> Result<(), Fault> {
    let purge = stream(bus, service).await?.purge().filter(subject);
    match purge.sequence(sequence.saturating_add(1)).await {
        Ok(_) => point::reached("dead.removed").await,
        Err(error) => match error.kind() {
            PurgeErrorKind::JetStream(why) if why.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                Ok(())
            }
            _ => Err(Fault::unavailable("the broker", error)),
        },
    }
}

async fn stream(bus: &Bus, service: &str) -> Result<Stream<()>, Fault> {
    let name = streams::dead(service);
    let stream = bus.jetstream().get_stream_no_info(name).await;
    stream.map_err(|error| Fault::unavailable("the broker", error))
}

async fn next_of(
    stream: &Stream<()>,
    subject: &str,
    from: u64,
) -> Result<Option<DeadLetter>, Fault> {
    found(stream.raw_message_builder().sequence(from).next_by_subject(subject).send().await)
}

fn found(result: Result<StreamMessage, RawMessageError>) -> Result<Option<DeadLetter>, Fault> {
    match result {
        Ok(message) => Ok(Some(dead_letter::read(message))),
        Err(error) => match error.kind() {
            RawMessageErrorKind::NoMessageFound => Ok(None),
            RawMessageErrorKind::JetStream(why)
                if why.error_code() == ErrorCode::STREAM_NOT_FOUND =>
            {
                Ok(None)
            }
            _ => Err(Fault::unavailable("the broker", error)),
        },
    }
}
