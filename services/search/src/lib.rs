#![doc = include_str!("../README.md")]

// What it depends on, and how it is served.
mod app;

// What happens in search.
pub mod rpc {
    //! One file for each RPC.
    pub mod reconcile;
    pub mod reindex;
    pub mod search_products;
}
pub mod events {
    //! The events of other services: each becomes an entry, and a batch of them is merged at once.
    pub mod entries;
    pub mod merge;
}
pub mod jobs {
    //! What search does by the clock.
    pub mod fill_new_index;
    pub mod follow_table;
    pub mod reconcile;
}

// What it decides.
pub mod domain {
    //! Pure: what an event says, what a document is made of.
    pub mod document;
    pub mod entry;
    pub mod shared;
}

// What it keeps.
pub mod engine;
pub mod index;
mod schema;
pub mod store {
    //! What search keeps in PostgreSQL.
    pub mod cards;
    pub mod documents;
    pub mod entries;
    pub mod repairs;
    pub mod replicas;
    pub mod shared;
    pub mod versions;
}
mod config;
mod wire;

pub use app::{App, ROLE};
pub use config::Search as Settings;
