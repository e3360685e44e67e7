use crate::event::Event;
use crate::validate::{Validate, Violation};

/// A message that is the whole public state of an aggregate; every event of its family carries it, or says that the aggregate
/// is gone.
pub trait Aggregate: prost::Message + Default + Validate {
    /// Its family: the subjects of its events up to the last word, e.g. `catalog.brand`.
    const FAMILY: &'static str;
    /// The subjects of its events.
    const SUBJECTS: &'static [&'static str];

    /// What an event of the family says, whichever it is.
    fn read(subject: &str, payload: &[u8]) -> Result<Observed<Self>, Unreadable>;
}

/// An aggregate as an event says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed<A> {
    /// Identifies the aggregate.
    pub key: String,
    /// Its version after the change.
    pub version: i64,
    /// Its whole public state; none: it is gone.
    pub state: Option<A>,
}

/// Why bytes are no event of a family.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The subject belongs to another family.
    #[error("the subject is of another family")]
    OtherFamily,
    /// They are not the event's message.
    #[error("the event cannot be decoded")]
    Undecodable(#[from] prost::DecodeError),
    /// They break the contract's rules.
    #[error("the event breaks the contract: {}", crate::codec::summary(.0))]
    Invalid(Vec<Violation>),
}

impl Unreadable {
    /// The event, which keeps the rules.
    pub(crate) fn check<E: Event>(payload: &[u8]) -> Result<E, Self> {
        let event = E::decode(payload)?;
        let violations = event.violations();
        if violations.is_empty() { Ok(event) } else { Err(Self::Invalid(violations)) }
    }
}
