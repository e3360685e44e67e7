use crate::event::Event;
use crate::validate::Validate;
use crate::violations::Violations;

/// A message that holds the whole public state of an aggregate. Every event of its family either contains it or reports that the
/// aggregate was deleted.
pub trait Aggregate: prost::Message + Default + Validate {
    /// Its family: the common prefix of its events' subjects, e.g. `catalog.brand`.
    const FAMILY: &'static str;
    /// The subjects of its events.
    const SUBJECTS: &'static [&'static str];

    /// Reads any event of the family.
    fn read(subject: &str, payload: &[u8]) -> Result<Observed<Self>, Unreadable>;
}

/// An aggregate as an event describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed<A> {
    /// Identifies the aggregate.
    pub key: String,
    /// Its version after the change.
    pub version: i64,
    /// Its whole public state; none if it was deleted.
    pub state: Option<A>,
}

/// Why bytes are not a valid event of a family.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The subject belongs to another family.
    #[error("the subject is of another family")]
    OtherFamily,
    /// The bytes cannot be decoded as the event's message.
    #[error("the event cannot be decoded")]
    Undecodable(#[from] prost::DecodeError),
    /// The message violates the contract's validation rules.
    #[error("the event breaks the contract: {}", .0.summary())]
    Invalid(Violations),
}

/// Decodes and validates an event.
pub fn check<E: Event>(payload: &[u8]) -> Result<E, Unreadable> {
    let event = E::decode(payload)?;
    let violations = event.violations();
    if violations.is_empty() { Ok(event) } else { Err(Unreadable::Invalid(violations)) }
}
