//! The events of a run: prices with a mark that says what is to happen to them.

use anyhow::{Result, anyhow};
use bus::Envelope;
use chrono::Utc;
use contracts::{Event, Fact};
use pricing_api::v1::{Item, Price, PriceDeleted, PriceUpdated, item::Name};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// The service that publishes the events of a run.
pub const PUBLISHER: &str = "pricing";

/// What an event does to its handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Its handler refuses it each time.
    Bad,
    /// Its handler has a bug.
    Broken,
    /// It kills the process that handles it.
    Kills,
    /// Its handler needs something that is never there.
    Away,
    /// It waits for the deletion of its key.
    Early,
    /// It is no event at all: it cannot be read.
    Unreadable,
}

const MARKS: [(Mark, &str); 6] = [
    (Mark::Bad, "bad"),
    (Mark::Broken, "broken"),
    (Mark::Kills, "kills"),
    (Mark::Away, "away"),
    (Mark::Early, "early"),
    (Mark::Unreadable, "unreadable"),
];

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MARKS.iter().find(|(mark, _)| mark == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for Mark {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = MARKS.iter().find(|(_, name)| *name == text);
        found.map(|(mark, _)| *mark).ok_or_else(|| anyhow!("{text:?} is no mark"))
    }
}

/// The key with this number; runs with different seeds have different keys.
pub fn key(seed: u64, number: u64) -> String {
    Uuid::from_u128((u128::from(seed) << 64) | u128::from(number)).to_string()
}

/// A price of that key and version, with as many bytes more as `padding` says.
pub fn updated(key: &str, version: i64, mark: Option<Mark>, padding: usize) -> PriceUpdated {
    let price = Price {
        price_id: key.to_owned(),
        item: Some(Item { name: Some(Name::Sku("sku".into())) }),
        version,
        ..Price::default()
    };
    let mut changed: Vec<String> = mark.iter().map(ToString::to_string).collect();
    if padding > 0 {
        changed.push("x".repeat(padding));
    }
    PriceUpdated { price: Some(price), changed }
}

/// The deletion that events with [`Mark::Early`] wait for.
pub fn deleted(key: &str, version: i64) -> PriceDeleted {
    PriceDeleted { price_id: key.to_owned(), version, product_id: key.to_owned() }
}

/// The same event, ready for the outbox.
pub fn fact(key: &str, version: i64, mark: Option<Mark>) -> Fact {
    Fact::from(&updated(key, version, mark, 0))
}

/// What travels beside an event that is published past the outbox. Its id is made of key and version.
pub fn envelope(fact: &Fact) -> Result<Envelope> {
    let key = fact.key.parse::<Uuid>()?.as_u128();
    Ok(Envelope {
        // Numbers of keys are small, so the bits of the versions are free.
        id: Uuid::from_u128(key ^ (u128::from(fact.version.unsigned_abs()) << 32)),
        subject: fact.subject.to_owned(),
        message: fact.message.to_owned(),
        source: format!("/souk/{PUBLISHER}"),
        key: fact.key.clone(),
        version: fact.version,
        at: Utc::now(),
        traceparent: None,
        correlation_id: None,
        causation_id: None,
    })
}

/// The mark of an event.
pub fn mark(event: &PriceUpdated) -> Option<Mark> {
    event.changed.first().and_then(|first| first.parse().ok())
}

/// The mark of a message in the stream.
pub fn mark_of_message(envelope: Option<&Envelope>, payload: &[u8]) -> Option<Mark> {
    let Some(envelope) = envelope else { return Some(Mark::Unreadable) };
    if ![PriceUpdated::SUBJECT, PriceDeleted::SUBJECT].contains(&envelope.subject.as_str()) {
        return Some(Mark::Unreadable);
    }
    let read = if envelope.subject == PriceDeleted::SUBJECT {
        prost::Message::decode(payload).map(|_: PriceDeleted| None)
    } else {
        prost::Message::decode(payload).map(|event: PriceUpdated| mark(&event))
    };
    read.unwrap_or(Some(Mark::Unreadable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_survive_the_journey() {
        for (expected, name) in MARKS {
            assert_eq!(expected.to_string(), name);
            assert_eq!(mark(&updated(&key(1, 2), 3, Some(expected), 10)), Some(expected));
        }
        assert_eq!(mark(&updated("key", 3, None, 10)), None);
        assert_ne!(key(1, 2), key(2, 2));
    }

    #[test]
    fn what_cannot_be_read_has_the_mark_of_it() {
        assert_eq!(mark_of_message(None, b""), Some(Mark::Unreadable));
    }
}
