//! Customer stories that cross services.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a story fails by a panic")]

mod npm;
mod raw;
mod shop;

mod aggregates;
mod callers;
mod catalog_day;
mod http;
mod http_fuzz;
mod icecat;
mod large_answers;
mod openapi;
mod price_change;
mod pricing_day;
mod refusals;
mod routes;
mod silent;
mod worst;
