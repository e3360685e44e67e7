use crate::domain::attribute::Attribute;
use crate::domain::brand::Brand;
use crate::domain::category::Category;
use crate::domain::product::Product;
use crate::domain::variant::Variant;
use crate::rpc;
use diesel_migrations::embed_migrations;
use futures::FutureExt;
use mesh::{Backing, BootError, Paging, Role, Service};
use pg::heads::Aggregates;
use pg::migrate::Migrations;
use tokio_util::sync::CancellationToken;

contracts::catalog_service!(App, rpc);

const MIGRATIONS: Migrations = embed_migrations!("../../migrations/catalog");

/// The catalogue as the binary serves it.
pub const ROLE: Role = Role {
    name: "catalog",
    migrations: || MIGRATIONS,
    aggregates: &[
        Aggregates::of::<Product>(),
        Aggregates::of::<Variant>(),
        Aggregates::of::<Category>(),
        Aggregates::of::<Brand>(),
        Aggregates::of::<Attribute>(),
    ],
    settings: None,
    metrics: &[],
    serve: |backing| serve(backing).boxed(),
};

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

async fn serve(backing: Backing<'_>) -> Result<Service, BootError> {
    let app =
        App { db: backing.db.clone(), paging: backing.paging(), stopping: backing.tasks().stop() };
    Ok(backing.serve(app))
}
