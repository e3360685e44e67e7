//! Access to PostgreSQL for all services.
//!
//! - [`Db`]: connection pools; [`Db::read`], [`Db::look_up`], [`Db::write`] with retries, [`Db::write_once`] with idempotency keys.
//! - [`Tx`]: an open transaction; every store function takes one.
//! - [`statement()`]: hand-written SQL, prepared once on each connection.
//! - [`entity`]: aggregates by their head, read, locked, paged and written with their events; [`Columns`]: batches of rows.
//! - [`heads`]: version and digest of the newest event of every aggregate; republishing aggregates.
//! - [`outbox::append`]: writes events in the transaction of the change that they report.
//! - [`outbox::republish`] and [`outbox::refused`]: operators' actions on the outbox.
//! - [`inbox::claim`]: deduplicates events; [`early`]: stores events that arrive before the aggregate they refer to.
//! - [`versions`]: rejects events that are older than what a consumer has already handled.
//! - [`projections`]: versions and digests of the copies of other services' aggregates.
//! - [`operations`]: long-running work. [`Db::due`]: what waits for background work.
//! - [`migrate`]: runs migrations, the shared ones and the service's; [`provision`]: creates databases and roles for development and
//!   tests; [`describe`]: generates the `schema.rs` of a service.

mod answers;
mod budget;
mod columns;
mod db;
pub mod describe;
mod due;
pub mod early;
pub mod entity;
pub mod heads;
pub mod inbox;
pub mod migrate;
mod not_opened;
pub mod operations;
pub mod outbox;
mod pool;
pub mod projections;
pub mod provision;
mod reading;
pub mod replay;
mod schema;
mod statement;
pub mod sweep;
mod tx;
pub mod versions;

pub use budget::Budget;
pub use columns::Columns;
pub use db::{Db, PoolUse, Settings};
pub use diesel_async::AsyncPgConnection as Connection;
pub use reading::Due;
pub use statement::{Statement, statement};
pub use tx::{InTransaction, Tx};
