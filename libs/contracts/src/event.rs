use crate::validate::{Validate, Violation};
use sha2::{Digest, Sha256};

/// A fact about one aggregate, as the contract declares it. The subject stands in the contract and nowhere else, so
/// publisher and subscriber cannot disagree.
pub trait Event: prost::Message + Default + Validate {
    /// Subject it is published under, e.g. `pricing.price.updated`.
    const SUBJECT: &'static str;
    /// Full name of its message, e.g. `souk.pricing.v1.PriceUpdated`.
    const TYPE: &'static str;
    /// The aggregate that it is about, whatever happened to it, e.g. `pricing.price`.
    const FAMILY: &'static str;

    /// Identifies the aggregate: events of one key are published and handled in order.
    fn key(&self) -> &str;

    /// The aggregate's version after the change.
    fn version(&self) -> i64;

    /// The encoded public state of the aggregate; none: the aggregate is gone.
    fn state(&self) -> Option<Vec<u8>>;
}

/// An event of the contract as data, for checks that cover all of them.
#[derive(Debug, Clone, Copy)]
pub struct EventInfo {
    /// Subject it is published under.
    pub subject: &'static str,
    /// Full name of its message.
    pub message: &'static str,
    /// True: published for outside use, so no service of Souk need consume it.
    pub outside: bool,
    /// SHA-256 over numbers, names, types and labels of all fields that it can hold, in hexadecimal digits: it changes when
    /// the event's bytes can hold something else than before.
    pub shape: &'static str,
    /// Decodes bytes of this event by its generated type, for those who know events only by name.
    pub read: fn(&[u8]) -> Result<Fact, prost::DecodeError>,
}

/// An event ready to be stored and published: what the outbox and the bus need to know of it, and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Subject it is published under.
    pub subject: &'static str,
    /// Full name of its message.
    pub message: &'static str,
    /// The aggregate that it is about, e.g. `pricing.price`.
    pub family: &'static str,
    /// Identifies the aggregate.
    pub key: String,
    /// The aggregate's version after the change.
    pub version: i64,
    /// SHA-256 of the encoded aggregate; none: it is gone.
    pub digest: Option<[u8; 32]>,
    /// The encoded message.
    pub payload: Vec<u8>,
    /// Rules of the contract that it breaks; such a fact is never written.
    pub violations: Vec<Violation>,
}

impl Fact {
    /// Decodes an event of type `E`; its payload holds what that type knows of the bytes.
    pub fn read<E: Event>(bytes: &[u8]) -> Result<Self, prost::DecodeError> {
        E::decode(bytes).map(|event| Self::from(&event))
    }
}

impl<E: Event> From<&E> for Fact {
    fn from(event: &E) -> Self {
        Self {
            subject: E::SUBJECT,
            message: E::TYPE,
            family: E::FAMILY,
            key: event.key().to_owned(),
            version: event.version(),
            digest: event.state().map(|state| Sha256::digest(state).into()),
            payload: event.encode_to_vec(),
            violations: event.violations(),
        }
    }
}
