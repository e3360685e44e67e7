//! Search against real servers and its real neighbours.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

mod shop;

mod asked {
    //! One file for each RPC.
    mod dead_letters;
    mod operations;
    mod reconcile;
    mod refused_events;
    mod reindex;
    mod republish_events;
    mod search_products;
}
mod told {
    //! One file for each kind of source.
    mod any_order;
    mod republished;
    mod shared;
    mod shuffled;
    mod sources;
}
mod every {
    //! What search does by itself.
    mod reconcile;
}
