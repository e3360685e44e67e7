//! The binary as an operator runs it: processes that are started, killed and restarted.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by a panic and prints what it saw"
)]

mod project;
mod shop;

mod broker_lost;
mod dead;
mod exchange;
mod floods;
mod killed;
mod metrics;
mod quota;
mod refused;
mod traced;
