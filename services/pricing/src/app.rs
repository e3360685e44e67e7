use crate::domain::price::Price;
use crate::rpc;
use contracts::catalog::v1::catalog_service_client::CatalogServiceClient;
use diesel_migrations::embed_migrations;
use futures::FutureExt;
use mesh::{Backing, BootError, Paging, Role, Service};
use pg::heads::Aggregates;
use pg::migrate::Migrations;

contracts::pricing_service!(App, rpc);

const MIGRATIONS: Migrations = embed_migrations!("../../migrations/pricing");

/// Pricing as the binary serves it.
pub const ROLE: Role = Role {
    name: "pricing",
    migrations: || MIGRATIONS,
    aggregates: &[Aggregates::of::<Price>()],
    settings: None,
    metrics: &[],
    serve: |backing| serve(backing).boxed(),
};

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

async fn serve(backing: Backing<'_>) -> Result<Service, BootError> {
    let app = App {
        db: backing.db.clone(),
        catalog: CatalogServiceClient::new(backing.client("catalog")?),
        paging: backing.paging(),
    };
    Ok(backing.serve(app))
}
