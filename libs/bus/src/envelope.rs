//! The headers of an event: CloudEvents 1.0 in binary mode, and the ids that link it to the work that made it.

use async_nats::HeaderMap;
use chrono::{DateTime, SecondsFormat, Utc};
use fault::{Common, Fault};
use serde_json::{Map, Value};
use std::fmt::Write;
use uuid::Uuid;

const ID: &str = "ce-id";
const TYPE: &str = "ce-type";
const SOURCE: &str = "ce-source";
const SUBJECT: &str = "ce-subject";
const TIME: &str = "ce-time";
const SPEC: &str = "ce-specversion";
const KEY: &str = "key";
pub(crate) const VERSION: &str = "version";
const TRACE: &str = "traceparent";
const CORRELATION: &str = "correlation-id";
const CAUSATION: &str = "causation-id";

/// The headers of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Id of the event, the same however often and from wherever it is sent.
    pub id: Uuid,
    /// Subject that it is published under; it alone says how the bytes are read.
    pub subject: String,
    /// Full name of its message.
    pub message: String,
    /// Who publishes it, as a path: `/souk/pricing`.
    pub source: String,
    /// The aggregate.
    pub key: String,
    /// The aggregate's version after the change.
    pub version: i64,
    /// When the change was made.
    pub at: DateTime<Utc>,
    /// W3C trace context of the work that made the change.
    pub traceparent: Option<String>,
    /// Shared by everything that one request or event caused.
    pub correlation_id: Option<String>,
    /// The event that caused the change.
    pub causation_id: Option<String>,
}

impl Envelope {
    /// The headers of the message.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(SPEC, "1.0");
        headers.insert(ID, self.id.to_string());
        headers.insert(TIME, self.at.to_rfc3339_opts(SecondsFormat::Micros, true));
        headers.insert(VERSION, self.version.to_string());
        let texts = [
            (TYPE, Some(&self.message)),
            (SOURCE, Some(&self.source)),
            (SUBJECT, Some(&self.key)),
            (KEY, Some(&self.key)),
            (TRACE, self.traceparent.as_ref()),
            (CORRELATION, self.correlation_id.as_ref()),
            (CAUSATION, self.causation_id.as_ref()),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                headers.insert(name, printable(text));
            }
        }
        headers
    }

    /// Reads the headers of a message under `subject`.
    pub fn read(subject: &str, headers: &HeaderMap) -> Result<Self, Fault> {
        let text = |name: &str| headers.get(name).map(|value| decode(value.as_str()));
        let required = |name: &str| text(name).ok_or_else(|| malformed(name, "is missing"));
        let id = required(ID)?;
        let at = required(TIME)?;
        let version = required(VERSION)?;
        Ok(Self {
            id: Uuid::parse_str(&id).map_err(|_| malformed(ID, "is no UUID"))?,
            subject: subject.to_owned(),
            message: required(TYPE)?,
            source: required(SOURCE)?,
            key: required(KEY)?,
            version: version.parse().map_err(|_| malformed(VERSION, "is no number"))?,
            at: DateTime::parse_from_rfc3339(&at)
                .map_err(|_| malformed(TIME, "is no RFC 3339 time"))?
                .to_utc(),
            traceparent: text(TRACE),
            correlation_id: text(CORRELATION),
            causation_id: text(CAUSATION),
        })
    }
}

fn malformed(header: &str, what: &str) -> Fault {
    Fault::new(Common::Undecodable, format!("header {header} {what}"))
}

/// The key of a message, to choose its worker, whatever else is wrong with the headers.
pub(crate) fn key(headers: &HeaderMap) -> Option<&str> {
    headers.get(KEY).map(|value| value.as_str())
}

/// The id of a message, if it has one.
pub(crate) fn id(headers: &HeaderMap) -> Option<Uuid> {
    headers.get(ID).and_then(|value| Uuid::parse_str(value.as_str()).ok())
}

/// The same headers without those that mean something to the broker: a copied `Nats-Expected-Stream` or `Nats-Msg-Id`
/// would have a copy refused.
pub fn without_broker(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for (name, values) in headers.iter() {
        if broker(name.as_ref()) {
            continue;
        }
        for value in values {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

/// The headers as they are stored in a table.
pub(crate) fn to_json(headers: &HeaderMap) -> Value {
    let mut object = Map::new();
    for (name, values) in headers.iter() {
        let name: &str = name.as_ref();
        if let (false, Some(value)) = (broker(name), values.first()) {
            object.insert(name.to_owned(), value.as_str().into());
        }
    }
    Value::Object(object)
}

/// Headers that were stored in a table.
pub(crate) fn from_json(stored: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in stored.as_object().into_iter().flatten() {
        let name = name.parse::<async_nats::HeaderName>();
        let value = value.as_str().unwrap_or_default().parse::<async_nats::HeaderValue>();
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.insert(name, value);
        }
    }
    headers
}

fn broker(name: &str) -> bool {
    name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("nats-"))
}

/// Percent-encodes what a header cannot hold, as CloudEvents says for HTTP. A line break would end the header.
pub(crate) fn printable(text: &str) -> String {
    printable_within(text, usize::MAX)
}

/// The same of as many whole characters as have room in `max_bytes`.
pub(crate) fn printable_within(text: &str, max_bytes: usize) -> String {
    let mut out = String::new();
    for character in text.chars() {
        let before = out.len();
        for byte in character.encode_utf8(&mut [0; 4]).bytes() {
            match byte {
                b'%' | b'"' => _ = write!(out, "%{byte:02X}"),
                b' '..=b'~' => out.push(char::from(byte)),
                _ => _ = write!(out, "%{byte:02X}"),
            }
        }
        if out.len() > max_bytes {
            out.truncate(before);
            break;
        }
    }
    out
}

/// Reverses [`printable`]; other text stays as it is.
pub(crate) fn decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        match after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(b'%');
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope() -> Envelope {
        Envelope {
            id: Uuid::now_v7(),
            subject: "pricing.price.updated".into(),
            message: "souk.pricing.v1.PriceUpdated".into(),
            source: "/souk/pricing".into(),
            key: "Käse 100%\r\nNats-Msg-Id: 1".into(),
            version: 7,
            at: DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap(),
            traceparent: None,
            correlation_id: Some("c".into()),
            causation_id: None,
        }
    }

    #[test]
    fn an_envelope_survives_the_journey_whatever_its_key_holds() {
        let sent = envelope();
        assert_eq!(Envelope::read(&sent.subject, &sent.headers()).unwrap(), sent);
        let stored = from_json(&to_json(&sent.headers()));
        assert_eq!(Envelope::read(&sent.subject, &stored).unwrap(), sent);
    }

    #[test]
    fn a_copy_has_no_headers_of_the_broker() {
        let mut headers = envelope().headers();
        headers.insert("Nats-Expected-Stream", "X");
        headers.insert("nats-msg-id", "1");
        assert_eq!(without_broker(&headers), envelope_like(&headers));
    }

    fn envelope_like(headers: &HeaderMap) -> HeaderMap {
        Envelope::read("pricing.price.updated", headers).unwrap().headers()
    }

    #[test]
    fn what_is_cut_is_cut_between_characters() {
        assert_eq!(printable_within("aé€", 7), "a%C3%A9");
        assert_eq!(decode(&printable_within("aé€", 16)), "aé€");
        assert_eq!(printable_within("%", 2), "");
    }

    #[test]
    fn what_is_missing_is_named() {
        let fault = Envelope::read("x", &HeaderMap::new()).unwrap_err();
        assert_eq!(fault.message(), "header ce-id is missing");
        assert!(fault.is(Common::Undecodable));
    }
}
