#![doc = include_str!("../README.md")]
//! ## Where things are

// What it depends on, and how it is served.
mod grpc;
mod wire;

// What a price is, and what may become of it. No async, no clock, no database.
pub mod domain {
    //! Decisions: which drafts are prices, what a change does, which price applies.
    pub mod draft;
    pub mod item;
    pub mod price;
    pub mod rows;
    #[cfg(test)]
    pub(crate) mod samples;
    pub mod selection;
}

// What happens when it is asked.
pub mod rpc {
    //! One file for each RPC.
    pub mod batch_get_prices;
    pub mod bulk_set_prices;
    pub mod delete_price;
    pub mod get_price;
    pub mod list_prices;
    pub mod list_versions;
    pub mod republish_prices;
    pub mod set_price;
}
pub mod setting;

// What they share.
mod asked;
mod catalog;

// Where prices are kept.
mod schema;
pub mod store {
    //! One file for each table.
    pub mod dry_run;
    pub mod items;
    pub mod prices;
}

use contracts::catalog::v1::catalog_service_client::CatalogServiceClient;
use contracts::pricing::v1::pricing_service_server::PricingServiceServer;
use diesel_migrations::embed_migrations;
use mesh::{Boot, BootError, Paging, Service};
use tonic::codec::CompressionEncoding::{Gzip, Zstd};

/// Name of the service, its database and its settings.
pub const NAME: &str = "pricing";

/// The migrations of its database.
pub const MIGRATIONS: pg::migrate::Migrations = embed_migrations!("../../migrations/pricing");

/// What pricing depends on.
#[derive(Clone)]
pub struct App {
    /// Its database.
    pub db: pg::Db,
    /// Knows which items exist.
    pub catalog: CatalogServiceClient<mesh::Client>,
    /// Makes page tokens.
    pub paging: Paging,
}

/// Pricing, ready to be served, and its database.
pub async fn service(boot: &Boot) -> Result<(Service, pg::Db), BootError> {
    let backing = boot.backing(NAME, || MIGRATIONS).await?;
    let app = App {
        db: backing.db.clone(),
        catalog: CatalogServiceClient::new(boot.client(NAME, "catalog")?),
        paging: boot.paging(),
    };
    let server = PricingServiceServer::new(app)
        .max_decoding_message_size(boot.config().server.max_message_bytes)
        .accept_compressed(Gzip)
        .accept_compressed(Zstd)
        .send_compressed(Gzip)
        .send_compressed(Zstd);
    let service = backing.checks.into_iter().fold(Service::new(NAME), Service::check);
    Ok((service.mount(server), backing.db))
}
