//! PostgreSQL as every service uses it.
//!
//! - [`Db`]: pools for one database; [`Db::read`], [`Db::write`] with retry, [`Db::write_once`] with the request's replay.
//! - [`Tx`]: an open transaction; every store function takes it.
//! - [`statement()`]: SQL that is written out, prepared once for each connection.
//! - [`outbox::append`]: events, in the transaction of the change they report.
//! - [`outbox::republish`] and [`outbox::refused`]: what operators do with them.
//! - [`inbox::claim`] and [`early`]: one effect for each event, also for one that comes too early.
//! - [`versions`]: an aggregate's events only forwards.
//! - [`operations`]: long-running work.
//! - [`migrate`]: migrations, ours and the service's; [`provision`]: databases and roles for development and tests.

mod db;
pub mod early;
pub mod inbox;
pub mod migrate;
pub mod operations;
pub mod outbox;
pub mod provision;
pub mod replay;
mod schema;
mod statement;
pub mod sweep;
mod tx;
pub mod versions;

pub use db::{Db, Settings};
pub use diesel_async::AsyncPgConnection as Connection;
pub use statement::{Statement, statement};
pub use tx::{InTransaction, Tx};
