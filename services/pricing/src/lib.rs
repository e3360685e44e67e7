#![doc = include_str!("../README.md")]
//! ## Where things are

// Dependencies, and how it is served.
mod app;
pub mod wire;

// Domain logic. No async, no clock, no database.
pub mod domain {
    //! Decisions: which drafts are prices, what a change does, which price applies.
    pub mod draft;
    pub mod item;
    pub mod price;
    pub mod rows;
    #[cfg(test)]
    pub(crate) mod samples;
    pub mod selection;
    pub mod update;
}

// The RPCs.
pub mod rpc {
    //! One file for each RPC.
    pub mod batch_get_prices;
    pub mod bulk_set_prices;
    pub mod delete_price;
    pub mod get_price;
    pub mod list_currencies;
    pub mod list_prices;
    pub mod set_price;
    pub mod update_price;
}
pub mod events {
    //! The events of the catalogue that end prices.
    pub mod deleted;
}

// Shared by the RPCs.
mod catalog;
mod price_query;
mod update_prices;
pub mod upsert_prices;

// Storage.
mod schema;
pub mod store {
    //! One file for each table.
    pub mod items;
    pub mod prices;
}

pub use app::App;

use catalog_api::v1::catalog_service_client::CatalogServiceClient;
use diesel_migrations::embed_migrations;
use domain::price::Price;
use events::deleted;
use futures::FutureExt;
use mesh::{Backing, BootError, Role, Service};
use pg::heads::Aggregates;
use pg::migrate::Migrations;

pricing_api::pricing_service!(App, rpc);

const MIGRATIONS: Migrations = embed_migrations!("../../migrations/pricing");

/// Pricing as the binary serves it.
pub const ROLE: Role = Role {
    name: "pricing",
    migrations: Some(|| MIGRATIONS),
    aggregates: &[Aggregates::of::<Price>()],
    settings: None,
    metrics: &[],
    serve: |backing| serve(backing).boxed(),
};

async fn serve(backing: Backing<'_>) -> Result<Service, BootError> {
    let app = App {
        db: backing.db()?,
        catalog: CatalogServiceClient::new(backing.client("catalog")?),
        paging: backing.paging(),
    };
    let consumers = backing
        .consumers()?
        .on(app.clone(), deleted::variant_deleted)
        .on(app.clone(), deleted::product_deleted);
    backing.listen(consumers)?;
    Ok(backing.serve(app))
}
