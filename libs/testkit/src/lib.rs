//! The whole mesh in a test. [`Mesh::boot`] serves real services in this process over real PostgreSQL, Redis and NATS:
//! databases cloned from migrated templates and a broker of its own, so tests never meet.
//!
//! It is stricter than production:
//! - every event is delivered twice, the second time as another message of the broker ([`twice`]);
//! - [`Mesh::finish`] fails when an outbox is not drained or a dead letter exists;
//! - every call and every consumed event is recorded ([`record`]), so that a suite that leaves an RPC, a refusal or an event
//!   untested fails as a whole.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "it is used by tests only, whose way to fail is a panic"
)]

mod caller;
mod databases;
pub mod icecat;
mod mesh;
pub mod record;
mod say;
mod twice;
mod wait;

pub use self::caller::{Caller, reason};
pub use self::mesh::{Mesh, Options};
pub use self::say::{say, say_as};
pub use self::wait::{PATIENCE, eventually};
