use crate::engine::embedded::EmbeddedEngine;
use crate::every::fill_new_index::fill_new_index;
use crate::every::follow_table::follow_table;
use crate::every::reconcile::reconciler;
use crate::index::Index;
use crate::store::cards::Cards;
use crate::{on, told};
use bus::Consumers;
use contracts::catalog::v1::catalog_service_client::CatalogServiceClient;
use contracts::pricing::v1::pricing_service_client::PricingServiceClient;
use contracts::search::v1::search_service_server::SearchServiceServer;
use diesel_migrations::embed_migrations;
use fault::Fault;
use mesh::{Boot, BootError, Check, Client, Paging, Service};
use pg::Db;
use pg::migrate::Migrations;
use std::sync::Arc;
use tonic::codec::CompressionEncoding::{Gzip, Zstd};
use uuid::Uuid;

/// The tables of search.
pub const MIGRATIONS: Migrations = embed_migrations!("../../migrations/search");

/// What search depends on.
#[derive(Clone)]
pub struct App {
    /// Its own database.
    pub db: Db,
    /// The index of this replica.
    pub index: Index,
    /// What hits show.
    pub cards: Cards,
    /// Names this replica among the others.
    pub replica_id: Uuid,
    /// Owner of products, variants, categories, brands and attributes.
    pub catalog: CatalogServiceClient<Client>,
    /// Owner of prices.
    pub pricing: PricingServiceClient<Client>,
    /// Page tokens.
    pub paging: Paging,
}

/// Search, ready to be served, and its database.
pub async fn service(boot: &Boot) -> Result<(Service, Db), BootError> {
    let backing = boot.backing("search", || MIGRATIONS).await?;
    let folder = boot.config().server.data_dir.join("search");
    let engine = EmbeddedEngine::open(&folder)
        .map_err(|error| Fault::internal(error).context("open the index"))?;
    let app = App {
        db: backing.db.clone(),
        index: Index::new(Arc::new(engine)),
        cards: Cards::default(),
        replica_id: Uuid::now_v7(),
        catalog: CatalogServiceClient::new(boot.client("search", "catalog")?),
        pricing: PricingServiceClient::new(boot.client("search", "pricing")?),
        paging: boot.paging(),
    };
    let tasks = boot.tasks();
    tasks.keep("follow_table", follow_table(app.clone(), tasks.ending()));
    tasks.keep("fill_new_index", fill_new_index(app.clone(), tasks.ending()));
    tasks.keep("reconcile", reconciler(&app, &boot.config().reconcile).run(tasks.ending()));
    boot.listen(Consumers::new(backing.db.clone(), backing.bus.clone()).on_batch(
        app.clone(),
        on::subjects(),
        told::told,
    ));

    let index = app.index.clone();
    let filled = Check::hard("index", move || {
        let index = index.clone();
        async move { index.check_filled() }
    });
    let server = SearchServiceServer::new(app)
        .max_decoding_message_size(boot.config().server.max_message_bytes)
        .accept_compressed(Gzip)
        .accept_compressed(Zstd)
        .send_compressed(Gzip)
        .send_compressed(Zstd);
    let service = backing.checks.into_iter().fold(Service::new("search"), Service::check);
    Ok((service.check(filled).mount(server), backing.db))
}
