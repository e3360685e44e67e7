#![doc = include_str!("../README.md")]

// What happens when search is asked, is told, and by itself.
pub mod rpc {
    //! What happens when search is asked.
    pub mod reconcile;
    pub mod reindex;
    pub mod search_products;
}
pub mod every {
    //! What search does by itself.
    pub mod fill_new_index;
    pub mod follow_table;
    pub mod reconcile;
}
pub mod on;

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
mod told;

// Whom it asks.
mod owners;

// How it is reached.
mod app;
mod grpc;
mod wire;

pub use app::{App, MIGRATIONS, service};
