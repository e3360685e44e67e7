//! The client stack against real servers on several addresses.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic"
)]

mod balance;
mod kill;
mod limits;
mod names;
mod replica;
mod retries;
