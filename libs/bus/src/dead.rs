//! Dead letters: events that no handler could take, with their original bytes and headers and the reason, in a stream of
//! the service that could not take them. Letters stay until they are replayed or discarded.
//!
//! A letter's subject is `dead.<service>.<consumer>.<event id>`, and it is published only where that subject is empty: so
//! it exists once, however often it is sent.
//!
//! [`letter`] is what one holds, [`post`] makes one, [`find`] and [`filter`] are how operators look at them, [`order`] is how
//! they ask for a replay, which [`crate::Consumers`] does.

mod filter;
mod find;
mod letter;
mod order;
mod post;

use contracts::Kind;
use fault::Fault;

pub use filter::is_empty;
pub use find::{Page, count, discard, find, last, list, matching, page};
pub(crate) use find::{at, remove};
pub use letter::Letter;
pub(crate) use letter::{ATTEMPTS, ERROR, REASON};
pub use order::{REPLAY, order};
pub(crate) use post::{Burial, post};

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
