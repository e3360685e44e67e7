//! Looks at letters and removes them. A service that never listened has no stream, and so no letters.

use super::filter;
use super::letter::{self, Letter};
use crate::{Bus, streams};
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{
    PurgeErrorKind, RawMessageError, RawMessageErrorKind, State, Stream,
};
use contracts::operations::v1::DeadLetterFilter;
use fault::{Fault, point};

/// Letters that one page looks at, so that it ends in time where few of them are meant.
const LOOKED_AT: usize = 2_000;

/// Bytes of letters after which a page ends: what a page holds is in memory at once, and becomes one answer.
const PAGE_BYTES: usize = 2 * 1024 * 1024;

/// Some letters in the order of the stream.
#[derive(Debug, Default)]
pub struct Page {
    /// Those that were meant.
    pub letters: Vec<Letter>,
    /// Position to go on after; none where all letters were looked at.
    pub next: Option<u64>,
}

/// How many letters a service has, parked ones included.
pub async fn count(bus: &Bus, service: &str) -> Result<u64, Fault> {
    Ok(state(bus, service).await?.map_or(0, |state| state.messages))
}

/// Position of the newest letter that a service ever had; 0 where it had none.
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

/// The letters of a service after the one with sequence `after`, oldest first, at most `limit`.
pub async fn list(
    bus: &Bus,
    service: &str,
    after: u64,
    limit: usize,
) -> Result<Vec<Letter>, Fault> {
    let stream = stream(bus, service).await?;
    let mut letters = Vec::new();
    let mut next = after.saturating_add(1);
    while letters.len() < limit {
        let Some(letter) = next_of(&stream, &format!("dead.{service}.>"), next).await? else {
            break;
        };
        next = letter.sequence + 1;
        letters.push(letter);
    }
    Ok(letters)
}

/// The letters that meet `filter` after position `after`, oldest first, at most `limit`. It looks at a limited number of
/// letters, so it may find fewer and still say where to go on.
pub async fn page(
    bus: &Bus,
    service: &str,
    filter: &DeadLetterFilter,
    after: u64,
    limit: usize,
) -> Result<Page, Fault> {
    let stream = stream(bus, service).await?;
    let subject = filter::subject(filter, service);
    let (mut letters, mut bytes, mut position) = (Vec::new(), 0, after);
    for _ in 0..LOOKED_AT {
        if letters.len() >= limit || bytes >= PAGE_BYTES {
            break;
        }
        let Some(letter) = next_of(&stream, &subject, position.saturating_add(1)).await? else {
            return Ok(Page { letters, next: None });
        };
        position = letter.sequence;
        if filter::meets(filter, &letter) {
            bytes += letter.bytes();
            letters.push(letter);
        }
    }
    Ok(Page { letters, next: Some(position) })
}

/// How many letters up to position `last` meet `filter`, and whether that is all: it looks at `most` letters of the filter's
/// subject.
pub async fn matching(
    bus: &Bus,
    service: &str,
    filter: &DeadLetterFilter,
    last: u64,
    most: usize,
) -> Result<(usize, bool), Fault> {
    let stream = stream(bus, service).await?;
    let subject = filter::subject(filter, service);
    let (mut found, mut position) = (0, 0);
    for _ in 0..most {
        match next_of(&stream, &subject, position + 1).await? {
            Some(letter) if letter.sequence <= last => {
                position = letter.sequence;
                found += usize::from(filter::meets(filter, &letter));
            }
            _ => return Ok((found, true)),
        }
    }
    Ok((found, false))
}

/// The letter of one consumer about one event, if there is one.
pub async fn find(
    bus: &Bus,
    service: &str,
    consumer: &str,
    letter_id: &str,
) -> Result<Option<Letter>, Fault> {
    let stream = stream(bus, service).await?;
    let subject = letter::address(service, consumer, letter_id);
    found(stream.raw_message_builder().last_by_subject(subject).send().await)
}

/// The letter with that sequence, if it is still there.
pub async fn at(bus: &Bus, service: &str, sequence: u64) -> Result<Option<Letter>, Fault> {
    found(stream(bus, service).await?.get_raw_message(sequence).await)
}

/// Removes a letter for good; one that is gone already is success.
pub async fn discard(bus: &Bus, letter: &Letter) -> Result<(), Fault> {
    remove(bus, &letter.service, &letter.address(), letter.sequence).await
}

/// Removes the letter that an address had at a position. Both must fit: a newer letter of the event stays, and so does the
/// letter of another event that a broker which lost its data has at that position now.
pub(crate) async fn remove(
    bus: &Bus,
    service: &str,
    address: &str,
    sequence: u64,
) -> Result<(), Fault> {
    let purge = stream(bus, service).await?.purge().filter(address);
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

async fn next_of(stream: &Stream<()>, subject: &str, from: u64) -> Result<Option<Letter>, Fault> {
    found(stream.raw_message_builder().sequence(from).next_by_subject(subject).send().await)
}

fn found(asked: Result<StreamMessage, RawMessageError>) -> Result<Option<Letter>, Fault> {
    match asked {
        Ok(message) => Ok(Some(letter::read(message))),
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
