//! Limits and kept answers on a real Redis, by two instances with connections of their own.
#![allow(
    clippy::unwrap_used,
    reason = "a test's helpers are tests too, though clippy counts only the functions marked as such"
)]

mod fixture;
mod kept;
mod outage;
mod shared;
