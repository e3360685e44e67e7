//! The gateway before catalog, pricing and search.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

mod door;
mod kept;
mod pages;
mod rpc;
mod shop;
