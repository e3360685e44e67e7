use crate::validate::Validate;
use crate::violations::Violations;
use sha2::{Digest, Sha256};

/// An event of the contract: a fact about one aggregate. Publishers and consumers both take the subject from here.
pub trait Event: prost::Message + Default + Validate {
    /// Subject it is published under, e.g. `pricing.price.updated`.
    const SUBJECT: &'static str;
    /// Full name of its message, e.g. `souk.pricing.v1.PriceUpdated`.
    const TYPE: &'static str;
    /// Family of the aggregate that it is about, e.g. `pricing.price`.
    const FAMILY: &'static str;

    /// Identifies the aggregate: events of one key are published and handled in order.
    fn key(&self) -> &str;

    /// The aggregate's version after the change.
    fn version(&self) -> i64;

    /// The encoded public state of the aggregate; none if it was deleted.
    fn state(&self) -> Option<Vec<u8>>;
}

/// An event of the contract as data, for checks that cover all of them.
#[derive(Debug, Clone, Copy)]
pub struct EventInfo {
    /// Subject it is published under.
    pub subject: &'static str,
    /// Full name of its message.
    pub message: &'static str,
    /// Whether it is published for external consumers, so that no service of Souk has to consume it.
    pub outside: bool,
    /// Hash of the event's schema: SHA-256 over numbers, names, types and labels of all its fields, in hexadecimal digits.
    pub shape: &'static str,
    /// Decodes an event of this type, for callers that do not know the generated type.
    pub read: fn(&[u8]) -> Result<Fact, prost::DecodeError>,
}

/// An encoded event with the metadata that the outbox and the bus need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Subject it is published under.
    pub subject: &'static str,
    /// Full name of its message.
    pub message: &'static str,
    /// Family of the aggregate that it is about, e.g. `pricing.price`.
    pub family: &'static str,
    /// Identifies the aggregate.
    pub key: String,
    /// The aggregate's version after the change.
    pub version: i64,
    /// SHA-256 of the encoded public state of the aggregate; none if it was deleted.
    pub digest: Option<[u8; 32]>,
    /// The encoded message.
    pub payload: Vec<u8>,
    /// Validation rules that it violates; `pg::outbox::append` rejects such an event.
    pub violations: Violations,
}

impl Fact {
    /// Decodes an event of type `E` and encodes it again, so the payload has no fields that `E` does not have.
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
