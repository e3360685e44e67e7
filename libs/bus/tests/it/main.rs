//! Against real PostgreSQL and NATS. Each test has a broker and databases of its own.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests count as tests")]

mod app;
mod aside;
mod world;

mod asked;
mod batches;
mod broker;
mod dead;
mod early;
mod effects;
mod kinds;
mod latency;
mod letters;
mod loss;
mod newest;
mod refused;
mod relay;
mod replay;
mod suspects;
