//! Runs PostgreSQL, Redis and NATS in a folder, for development and tests.
//!
//! [`Stack::up`] returns the servers of a folder and starts those that do not run. They are daemons
//! that outlive the caller, so many test processes share them. [`Private`] is a broker or a Redis of
//! the caller's own that ends with its handle, for tests that kill it.
//!
//! Linux only, because processes are identified through `/proc`. Services do not use this crate, so it
//! may read environment variables itself.

mod find;
mod stack;

mod nats;
mod password;
mod postgres;
mod redis;

mod launch;
mod private;
mod server;

mod lock;
pub mod port;
mod private_file;
mod process;
mod record;

pub use find::{Binaries, Missing};
pub use nats::{Flush, Nats};
pub use private::Private;
pub use private_file::write_private;
pub use record::Profile;
pub use redis::Redis;
pub use stack::{Running, Stack, Status};
