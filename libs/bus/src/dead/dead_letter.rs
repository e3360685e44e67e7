//! The content of a dead letter, and its headers: those of the event and a few of ours.

use crate::envelope;
use async_nats::HeaderMap;
use async_nats::jetstream::message::StreamMessage;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use contracts::operations::v1::{DeadLetter as Message, DeadLetterHeader};
use convert::timestamp;

pub(crate) const REASON: &str = "souk-reason";
pub(crate) const ERROR: &str = "souk-error";
pub(crate) const ATTEMPTS: &str = "souk-attempts";
pub(super) const FIRST_AT: &str = "souk-first-at";
pub(super) const LAST_AT: &str = "souk-last-at";
pub(super) const ORIGINAL_SUBJECT: &str = "souk-original-subject";

/// Headers that a dead letter adds to those of its event.
const ADDED_HEADERS: [&str; 6] = [REASON, ERROR, ATTEMPTS, FIRST_AT, LAST_AT, ORIGINAL_SUBJECT];

/// A dead letter.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// Its sequence in the stream of dead letters.
    pub sequence: u64,
    /// Service whose consumer it is.
    pub service: String,
    /// Durable consumer that could not take the event.
    pub consumer: String,
    /// Id of the event; where its header held none, `<stream>-<sequence>`.
    pub event_id: String,
    /// Name of the reason.
    pub reason: String,
    /// What happened, with all causes.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When the event failed first.
    pub first_at: Option<DateTime<Utc>>,
    /// When the event failed last.
    pub last_at: Option<DateTime<Utc>>,
    /// Subject that the event came under.
    pub original_subject: String,
    /// Headers that the event came with, less those of the broker.
    pub headers: HeaderMap,
    /// Bytes of the event.
    pub payload: Bytes,
}

impl DeadLetter {
    /// The aggregate that the event is about; empty where it came without one.
    pub fn key(&self) -> String {
        envelope::key(&self.headers).map(envelope::decode).unwrap_or_default()
    }

    /// Its subject.
    pub(super) fn subject(&self) -> String {
        subject(&self.service, &self.consumer, &self.event_id)
    }

    /// About as much memory as it takes.
    pub(super) fn bytes(&self) -> usize {
        let header = |(name, values): (&async_nats::HeaderName, &Vec<async_nats::HeaderValue>)| {
            let name: &str = name.as_ref();
            name.len() + values.iter().map(|value| value.as_str().len()).sum::<usize>()
        };
        let headers: usize = self.headers.iter().map(header).sum();
        self.payload.len() + self.error.len() + headers
    }

    /// What operators see of it, without its payload.
    pub fn message(&self) -> Message {
        let version =
            self.headers.get(envelope::VERSION).and_then(|text| text.as_str().parse().ok());
        let header = |(name, values): (&async_nats::HeaderName, &Vec<async_nats::HeaderValue>)| {
            let value = values.first().map(|value| envelope::decode(value.as_str()));
            let name: &str = name.as_ref();
            DeadLetterHeader { name: name.to_owned(), value: value.unwrap_or_default() }
        };
        let mut headers: Vec<DeadLetterHeader> = self.headers.iter().map(header).collect();
        headers.sort_by(|one, other| one.name.cmp(&other.name));
        Message {
            service: self.service.clone(),
            consumer: self.consumer.clone(),
            event_id: self.event_id.clone(),
            reason: self.reason.clone(),
            error: self.error.clone(),
            attempts: i32::try_from(self.attempts).unwrap_or(i32::MAX),
            first_time: self.first_at.map(timestamp),
            last_time: self.last_at.map(timestamp),
            subject: self.original_subject.clone(),
            key: self.key(),
            version: version.unwrap_or_default(),
            headers,
            ..Message::default()
        }
    }
}

/// The subject of a dead letter.
pub(super) fn subject(service: &str, consumer: &str, event_id: &str) -> String {
    format!("dead.{service}.{consumer}.{event_id}")
}

pub(super) fn read(message: StreamMessage) -> DeadLetter {
    let text = |name: &str| {
        let value = message.headers.get(name).map(|value| envelope::decode(value.as_str()));
        value.unwrap_or_default()
    };
    let time = |name: &str| DateTime::parse_from_rfc3339(&text(name)).ok().map(|at| at.to_utc());
    let mut tokens = message.subject.split('.').skip(1).map(str::to_owned);
    let mut token = || tokens.next().unwrap_or_default();
    DeadLetter {
        sequence: message.sequence,
        service: token(),
        consumer: token(),
        event_id: token(),
        reason: text(REASON),
        error: text(ERROR),
        attempts: text(ATTEMPTS).parse().unwrap_or_default(),
        first_at: time(FIRST_AT),
        last_at: time(LAST_AT),
        original_subject: text(ORIGINAL_SUBJECT),
        headers: event_headers(&message.headers),
        payload: message.payload,
    }
}

fn event_headers(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for (name, values) in envelope::without_broker(headers).iter() {
        let added = ADDED_HEADERS.contains(&<async_nats::HeaderName as AsRef<str>>::as_ref(name));
        for value in values.iter().filter(|_| !added) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}
