//! Pricing against a real PostgreSQL.
//!
//! Tests start below the call to catalog: they store items directly, and the client has no server.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod shop;

mod rpc {
    //! One file for each RPC.
    mod batch_get_prices;
    mod bulk_set_prices;
    mod delete_price;
    mod get_price;
    mod list_prices;
    mod republish;
    mod set_price;
    mod update_price;
}

mod events {
    //! What ends prices.
    mod deleted;
}
