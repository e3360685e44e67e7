#![doc = include_str!("../README.md")]
//! ## Where things are

// How it is served.
mod grpc;
pub mod wire;

// What may be, and what may become of it. No async, no clock, no database.
pub mod domain {
    //! Decisions: types, invariants, refusals; one file for each aggregate.
    pub mod product;
    pub mod variant;

    pub mod category;

    pub mod brand;

    pub mod attribute;
    pub mod definitions;
    pub mod free;
    pub mod value;

    pub mod import;

    pub mod change;
}

// What happens when it is asked.
pub mod rpc {
    //! One file for each RPC.
    pub mod batch_get_products;
    pub mod create_product;
    pub mod delete_product;
    pub mod get_product;
    pub mod list_products;
    pub mod update_product;

    pub mod create_variant;
    pub mod delete_variant;
    pub mod get_variant;
    pub mod list_variants;
    pub mod update_variant;

    pub mod create_category;
    pub mod delete_category;
    pub mod get_category;
    pub mod list_categories;
    pub mod update_category;

    pub mod create_brand;
    pub mod delete_brand;
    pub mod get_brand;
    pub mod list_brands;
    pub mod update_brand;

    pub mod define_attribute;
    pub mod list_attributes;

    pub mod import_products;
    pub mod list_versions;
    pub mod republish_aggregates;
    pub mod resolve_items;
}

// What they share.
mod chunk;

// Where it is kept.
mod schema;
pub mod store;

use contracts::catalog::v1::catalog_service_server::CatalogServiceServer;
use diesel_migrations::embed_migrations;
use mesh::{Boot, BootError, Paging, Service};
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding::{Gzip, Zstd};

/// Name of the service, its database and its settings.
pub const NAME: &str = "catalog";

/// The migrations of its database.
pub const MIGRATIONS: pg::migrate::Migrations = embed_migrations!("../../migrations/catalog");

/// What the catalogue depends on.
#[derive(Clone)]
pub struct App {
    /// Its database.
    pub db: pg::Db,
    /// Makes page tokens.
    pub paging: Paging,
    /// Cancelled when the process is to end: an import that waits for its next chunk would hold it.
    pub stopping: CancellationToken,
}

/// The catalogue, ready to be served, and its database.
pub async fn service(boot: &Boot) -> Result<(Service, pg::Db), BootError> {
    let backing = boot.backing(NAME, || MIGRATIONS).await?;
    let app = App { db: backing.db.clone(), paging: boot.paging(), stopping: boot.tasks().stop() };
    let server = CatalogServiceServer::new(app)
        .max_decoding_message_size(boot.config().server.max_message_bytes)
        .accept_compressed(Gzip)
        .accept_compressed(Zstd)
        .send_compressed(Gzip)
        .send_compressed(Zstd);
    let service = backing.checks.into_iter().fold(Service::new(NAME), Service::check);
    Ok((service.mount(server), backing.db))
}
