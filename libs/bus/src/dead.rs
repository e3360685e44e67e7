//! Dead letters: events that no handler could take, with their original bytes and headers and the reason, in a stream of
//! the service that could not take them. Letters stay until they are replayed or discarded.
//!
//! A letter's subject is `dead.<service>.<consumer>.<event id>`, and it is published only where that subject is empty: so
//! it exists once, however often it is sent.

use crate::{Bus, envelope, streams};
use async_nats::HeaderMap;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use contracts::Kind;
use fault::{Fault, point};

const REASON: &str = "souk-reason";
const ERROR: &str = "souk-error";
const ATTEMPTS: &str = "souk-attempts";
const FIRST_AT: &str = "souk-first-at";
const LAST_AT: &str = "souk-last-at";
const ORIGINAL_SUBJECT: &str = "souk-original-subject";

/// Headers that a letter adds to those of its event.
const OURS: [&str; 6] = [REASON, ERROR, ATTEMPTS, FIRST_AT, LAST_AT, ORIGINAL_SUBJECT];

/// Characters of an error that a letter keeps.
const LONGEST_ERROR: usize = 2000;

/// Why an event is a dead letter, where no handler said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The binary does not know the type: it is older than the publisher's. A newer one replays the letter by itself.
    UnknownType,
    /// What the event waited for did not arrive in time.
    TooEarly,
    /// The process died each time that it handled the event with nothing else in flight.
    KillsTheProcess,
    /// The broker sent it as often as it may, without an answer.
    GivenUp,
}

impl contracts::Reason for Reason {
    fn kind(self) -> Kind {
        Kind::Refused
    }

    fn name(self) -> &'static str {
        match self {
            Self::UnknownType => "UNKNOWN_TYPE",
            Self::TooEarly => "TOO_EARLY",
            Self::KillsTheProcess => "KILLS_THE_PROCESS",
            Self::GivenUp => "GIVEN_UP",
        }
    }

    fn domain(self) -> &'static str {
        "bus.souk"
    }
}

/// The refusal of a type that this binary does not know.
pub(crate) fn unknown_type(subject: &str) -> Fault {
    Fault::new(Reason::UnknownType, format!("this binary knows no event {subject}"))
}

/// An event to be made a dead letter.
#[derive(Debug)]
pub(crate) struct Burial {
    pub consumer: String,
    pub letter_id: String,
    pub subject: String,
    pub headers: HeaderMap,
    pub payload: Bytes,
    pub reason: String,
    pub error: String,
    pub attempts: u32,
    pub first_at: DateTime<Utc>,
}

/// A dead letter.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Its sequence in the stream of dead letters.
    pub sequence: u64,
    /// Service whose consumer it is.
    pub service: String,
    /// Durable consumer that could not take the event.
    pub consumer: String,
    /// Id of the event; where its header held none, `<stream>-<sequence>`.
    pub letter_id: String,
    /// Name of the reason.
    pub reason: String,
    /// What happened, with all causes.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it failed first.
    pub first_at: Option<DateTime<Utc>>,
    /// When it failed last.
    pub last_at: Option<DateTime<Utc>>,
    /// Subject that the event came under.
    pub original_subject: String,
    /// Headers that the event came with, less those of the broker.
    pub headers: HeaderMap,
    /// Bytes of the event.
    pub payload: Bytes,
}

/// Publishes a letter and returns when the broker has it; that there is one already is success.
pub(crate) async fn post(bus: &Bus, service: &str, burial: &Burial) -> Result<(), Fault> {
    point::reached("dead.post").await?;
    let subject = format!("dead.{service}.{}.{}", burial.consumer, burial.letter_id);
    let message = PublishMessage::build()
        .headers(headers(burial))
        .payload(burial.payload.clone())
        .expected_last_subject_sequence(0);
    let sent = bus.jetstream().send_publish(subject, message).await;
    let acked = match sent {
        Ok(ack) => ack.await,
        Err(error) => Err(error),
    };
    match acked {
        Ok(_) => {
            metrics::counter!(
                "dead_letters_posted_total",
                "consumer" => burial.consumer.clone(),
                "reason" => burial.reason.clone(),
            )
            .increment(1);
            point::reached("dead.posted").await
        }
        Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(()),
        Err(error) => Err(Fault::unavailable("the stream of dead letters", error)),
    }
}

fn headers(burial: &Burial) -> HeaderMap {
    let mut headers = envelope::without_broker(&burial.headers);
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let error: String = burial.error.chars().take(LONGEST_ERROR).collect();
    headers.insert(REASON, envelope::printable(&burial.reason));
    headers.insert(ERROR, envelope::printable(&error));
    headers.insert(ATTEMPTS, burial.attempts.to_string());
    headers.insert(FIRST_AT, time(burial.first_at));
    headers.insert(LAST_AT, time(Utc::now()));
    headers.insert(ORIGINAL_SUBJECT, envelope::printable(&burial.subject));
    headers
}

/// How many letters a service has, parked ones included.
pub async fn count(bus: &Bus, service: &str) -> Result<u64, Fault> {
    let stream = stream(bus, service).await?;
    let info = stream.get_info().await.map_err(|error| Fault::unavailable("the broker", error))?;
    Ok(info.state.messages)
}

/// The letters of a service after the one with sequence `after`, oldest first, at most `limit`.
pub async fn list(
    bus: &Bus,
    service: &str,
    after: u64,
    limit: usize,
) -> Result<Vec<Letter>, Fault> {
    let stream = stream(bus, service).await?;
    let filter = format!("dead.{service}.>");
    let mut letters = Vec::new();
    let mut next = after.saturating_add(1);
    while letters.len() < limit {
        let asked = stream.raw_message_builder().sequence(next).next_by_subject(&filter);
        match asked.send().await {
            Ok(message) => {
                next = message.sequence + 1;
                letters.push(read(message));
            }
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => break,
            Err(error) => return Err(Fault::unavailable("the broker", error)),
        }
    }
    Ok(letters)
}

/// The letter of one consumer about one event, if there is one.
pub async fn find(
    bus: &Bus,
    service: &str,
    consumer: &str,
    letter_id: &str,
) -> Result<Option<Letter>, Fault> {
    let stream = stream(bus, service).await?;
    let subject = format!("dead.{service}.{consumer}.{letter_id}");
    match stream.raw_message_builder().last_by_subject(subject).send().await {
        Ok(message) => Ok(Some(read(message))),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(Fault::unavailable("the broker", error)),
    }
}

/// Removes a letter for good; one that is gone already is success.
pub async fn discard(bus: &Bus, letter: &Letter) -> Result<(), Fault> {
    let stream = stream(bus, &letter.service).await?;
    let Err(error) = stream.delete_message(letter.sequence).await else { return Ok(()) };
    // The broker has one code for all that can go wrong here, so it is asked what is there.
    match stream.get_raw_message(letter.sequence).await {
        Err(gone) if gone.kind() == RawMessageErrorKind::NoMessageFound => Ok(()),
        _ => Err(Fault::unavailable("the broker", error)),
    }
}

async fn stream(bus: &Bus, service: &str) -> Result<Stream<()>, Fault> {
    let name = streams::dead(service);
    let stream = bus.jetstream().get_stream_no_info(name).await;
    stream.map_err(|error| Fault::unavailable("the broker", error))
}

fn read(message: StreamMessage) -> Letter {
    let text = |name: &str| {
        let value = message.headers.get(name).map(|value| envelope::plain(value.as_str()));
        value.unwrap_or_default()
    };
    let time = |name: &str| DateTime::parse_from_rfc3339(&text(name)).ok().map(|at| at.to_utc());
    let mut tokens = message.subject.split('.').skip(1).map(str::to_owned);
    let mut token = || tokens.next().unwrap_or_default();
    Letter {
        sequence: message.sequence,
        service: token(),
        consumer: token(),
        letter_id: token(),
        reason: text(REASON),
        error: text(ERROR),
        attempts: text(ATTEMPTS).parse().unwrap_or_default(),
        first_at: time(FIRST_AT),
        last_at: time(LAST_AT),
        original_subject: text(ORIGINAL_SUBJECT),
        headers: originals(&message.headers),
        payload: message.payload,
    }
}

fn originals(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for (name, values) in envelope::without_broker(headers).iter() {
        let ours = OURS.contains(&<async_nats::HeaderName as AsRef<str>>::as_ref(name));
        for value in values.iter().filter(|_| !ours) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}
