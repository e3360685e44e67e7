//! From the outbox to the stream: at least once, in order per key, with nothing skipped silently.
//!
//! One relay at a time leads per database, by an advisory lock on a session of its own [`session`]; the others stand by and notify
//! the leader of new events ([`wake`]). The leader ([`lead`]) reads what is unpublished ([`outbox`]), publishes it
//! ([`publish`]) and marks it, all three at once where there is a backlog ([`round`]). [`loss`] detects a broker that lost what
//! it had acknowledged.

mod batch;
mod context;
mod error;
mod failure;
mod lead;
mod loss;
mod outbox;
mod publish;
mod published;
mod round;
mod run;
mod session;
mod sql;
mod wake;
mod window;

pub use context::{Relay, RelayTuning};
