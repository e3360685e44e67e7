//! Dead letters: events that no handler could take, with their original bytes and headers and the reason, in a stream of
//! the service that could not take them. They stay until they are replayed or discarded.
//!
//! The subject is `dead.<service>.<consumer>.<event id>`, and a dead letter is published only where its subject is empty: so
//! there is one for each event, however often it is sent.
//!
//! [`dead_letter`] is the content of one, [`publish`] makes one, [`find`] and [`filter`] are how operators list and select them,
//! [`request_replay`] is how they request a replay, which [`crate::Consumers`] runs.

mod dead_letter;
mod filter;
mod find;
mod publish;
mod reason;
mod request_replay;

pub use dead_letter::DeadLetter;
pub(crate) use dead_letter::{ATTEMPTS, ERROR, REASON};
pub use filter::is_empty;
pub use find::{Page, count, count_matching, discard, find, last, list, page};
pub(crate) use find::{at, remove};
pub(crate) use publish::{NewDeadLetter, publish};
pub use reason::Reason;
pub(crate) use reason::unknown_type;
pub use request_replay::{REPLAY, request_replay};
