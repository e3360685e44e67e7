//! Runs services in a test. [`Mesh::boot`] serves them in this process with real PostgreSQL, Redis and NATS. Each test has its own
//! databases, cloned from migrated templates, and its own broker, so tests do not affect each other.
//!
//! It is stricter than production:
//! - every event is delivered twice, the second time as a new message of the broker ([`twice`]);
//! - [`Mesh::finish`] fails if there are dead letters, and waits until all events are published and handled;
//! - every call and every consumed event is recorded ([`record`]), so that the completeness test can fail if an RPC, an error reason
//!   or an event is not tested.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "only tests use it, and they fail by panicking"
)]

mod caller;
mod databases;
pub mod icecat;
mod mesh;
mod publish;
pub mod record;
mod twice;
mod wait;

pub use self::caller::{Caller, reason};
pub use self::mesh::{Mesh, Options};
pub use self::publish::{publish, publish_as};
pub use self::wait::{TIMEOUT, eventually};
