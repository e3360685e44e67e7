//! Against real PostgreSQL. Each test has a database of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod fixture;
mod proxy;

mod together;

mod budget;
mod contention;
mod dropped;
mod full;
mod lost_answer;
mod once;
mod reads;
mod statement;

mod early;
mod heads;
mod inbox;
mod operations;
mod refused;
mod republish;
mod sweep;

mod migrate;
mod provision;
