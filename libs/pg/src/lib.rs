//! PostgreSQL as every service uses it.
//!
//! - [`Db`]: pools for one database; [`Db::read`], [`Db::write`] with retry, [`Db::write_once`] with the request's replay.
//! - [`Tx`]: an open transaction; every store function takes it.
//! - [`statement()`]: SQL that is written out, prepared once for each connection.
//! - [`entity`]: aggregates by their head, read, locked, paged and written with their events; [`Columns`]: batches of rows.
//! - [`heads`]: what was published last of every aggregate, and publishing it again.
//! - [`outbox::append`]: events, in the transaction of the change they report.
//! - [`outbox::republish`] and [`outbox::refused`]: what operators do with them.
//! - [`inbox::claim`] and [`early`]: one effect for each event, also for one that comes too early.
//! - [`versions`]: an aggregate's events only forwards.
//! - [`projections`]: what was taken over of other services' aggregates.
//! - [`operations`]: long-running work.
//! - [`migrate`]: migrations, ours and the service's; [`provision`]: databases and roles for development and tests.

mod columns;
mod db;
pub mod early;
pub mod entity;
pub mod heads;
pub mod inbox;
pub mod migrate;
pub mod operations;
pub mod outbox;
pub mod projections;
pub mod provision;
pub mod replay;
mod schema;
mod statement;
pub mod sweep;
mod tx;
pub mod versions;

pub use columns::Columns;
pub use db::{Db, Settings};
pub use diesel_async::AsyncPgConnection as Connection;
pub use statement::{Statement, statement};
pub use tx::{InTransaction, Tx};
