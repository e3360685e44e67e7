//! JetStream as every service uses it. The modules follow the path of an event:
//!
//! 1. [`Bus`]: the connection to the broker, which reconnects by itself.
//! 2. [`streams`]: one stream for the events of each service, one for the dead letters of each service that consumes.
//! 3. [`envelope`]: the headers of an event.
//! 4. [`Relay`]: from the outbox table to the stream, in order per key, at least once, one relay at a time per database.
//! 5. [`Consumers`]: from the streams to the handlers of a service, each event's effect once.
//! 6. [`dead`]: events that no handler could take; nothing is dropped silently.
//!
//! [`hearing`] is for what only has to know that something changed. [`operations`] uses the broker to wake background work in all processes of a service.
//!
//! Delivery is at least once, and nothing may depend on its order. Two guards make effects exact, and handlers need
//! both: the library claims the event's id in the transaction of the effect, and the handler writes a projection only
//! where the event's version is newer than the one stored (`on conflict … do update … where excluded.version > t.version`).

mod connect;
mod servers;
mod spans;
pub mod streams;

pub mod envelope;

pub mod hearing;

mod relay;

mod consumers;

pub mod dead;

pub mod operations;

pub use connect::{Bus, Settings};
pub use consumers::{
    Arrived, Batch, BatchHandler, BatchKeeper, Consumers, Copied, Handler, Keeper, Outcome,
    Received, Replayed, Tuning,
};
pub use envelope::Envelope;
pub use relay::{Relay, RelayTuning};
