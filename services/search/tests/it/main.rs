//! Search against real servers and the real services that it consumes from.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

mod shop;

mod rpc {
    //! One file for each RPC.
    mod dead_letters;
    mod operations;
    mod reconcile;
    mod refused_events;
    mod reindex;
    mod republish_events;
    mod search_by_attributes;
    mod search_in_stock;
    mod search_pages;
    mod search_products;
    mod search_public_prices;
}
mod events {
    //! Consumed events.
    mod any_order;
    mod late;
    mod republished;
    mod shared;
    mod shuffled;
    mod sources;
    mod stock;
    mod stock_order;
}
mod jobs {
    //! Scheduled work.
    mod reconcile;
}
