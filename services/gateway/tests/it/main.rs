//! The gateway before catalog, pricing and search.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod door;
mod kept;
mod pages;
mod rpc;
mod shop;
