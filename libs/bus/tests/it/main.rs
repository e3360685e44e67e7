//! Against real PostgreSQL and NATS. Each test has a broker and databases of its own.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests count as tests")]

mod app;
mod fixture;

mod batches;
mod broker;
mod credentials;
mod dead;
mod dead_letters;
mod deferred;
mod early;
mod effects;
mod existing;
mod isolation;
mod kinds;
mod latency;
mod loss;
mod newest;
mod projection;
mod refused;
mod relay;
mod replay;
