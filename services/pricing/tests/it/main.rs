//! Pricing against a real PostgreSQL.
//!
//! What needs the catalogue is tested below the call to it: items are learned by hand, and the
//! client leads nowhere.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod shop;

mod batch_get_prices;
mod bulk_set_prices;
mod delete_price;
mod get_price;
mod list_prices;
mod republish;
mod schema;
mod set_price;
