//! Real PostgreSQL, Redis and NATS in one folder, for development and tests.
//!
//! [`Stack::up`] returns a running set, starting what is not there; its servers are daemons that
//! outlive the caller, so many test processes share one set. [`Private`] is a broker or a Redis
//! of one's own that dies with its handle, for tests that kill it.
//!
//! Linux only: who is who is read from `/proc`. This crate is a development tool, no part of a
//! service, and the one library that reads the environment by itself.

mod find;
mod stack;

mod nats;
mod postgres;
mod redis;

mod launch;
mod private;
mod server;

mod lock;
mod port;
mod process;
mod record;

pub use find::{Binaries, Missing};
pub use nats::{Flush, Nats};
pub use private::Private;
pub use record::Profile;
pub use redis::Redis;
pub use stack::{Running, Stack, Status};
