//! Serves a tiny service of the real contract over loopback TCP and calls it as clients do.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's helpers are tests too, though clippy counts only the functions marked as such"
)]

// Its contract is known to this process, as to the binary.
use catalog_api as _;

mod admin;
mod calls;
mod cancelled;
mod config;
mod deadlines;
mod drain;
mod fixture;
mod keys;
mod open;
mod prices;
mod rate_limits;
mod reconcile;
mod refusals;
mod tokens;
