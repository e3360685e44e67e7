use crate::config::Search;
use crate::domain::entry::Section;
use crate::engine::embedded::EmbeddedEngine;
use crate::events::merge;
use crate::index::Index;
use crate::jobs::fill_new_index::fill_new_index;
use crate::jobs::follow_table::follow_table;
use crate::jobs::reconcile::reconciler;
use crate::rpc;
use crate::store::cards::Cards;
use diesel_migrations::embed_migrations;
use fault::Fault;
use futures::FutureExt;
use mesh::config::ServiceSettings;
use mesh::reconcile::Owner;
use mesh::telemetry::{counter, gauge};
use mesh::{Backing, BootError, Check, Paging, Role, Service};
use pg::Db;
use pg::migrate::Migrations;
use std::sync::Arc;
use uuid::Uuid;

contracts::search_service!(App, rpc);

const MIGRATIONS: Migrations = embed_migrations!("../../migrations/search");

/// Search as the binary serves it.
pub const ROLE: Role = Role {
    name: "search",
    migrations: || MIGRATIONS,
    aggregates: &[],
    settings: Some(ServiceSettings::of::<Search>()),
    metrics: &[
        gauge(
            "search_index_drift_documents",
            &[],
            "Entries and documents that differ from what their owners say, of all projections of search together.",
        ),
        counter("search_indexed_documents_total", &[], "Documents written to the index."),
    ],
    serve: |backing| serve(backing).boxed(),
};

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
    pub catalog: Owner,
    /// Owner of prices.
    pub pricing: Owner,
    /// Page tokens.
    pub paging: Paging,
}

impl App {
    /// The owner of what a section copies.
    pub fn owner(&self, section: Section) -> &Owner {
        match section {
            Section::Price => &self.pricing,
            _ => &self.catalog,
        }
    }
}

async fn serve(backing: Backing<'_>) -> Result<Service, BootError> {
    let folder = backing.config().server.data_dir.join("search");
    let engine = EmbeddedEngine::open(&folder)
        .map_err(|error| Fault::internal(error).context("open the index"))?;
    let app = App {
        db: backing.db.clone(),
        index: Index::new(Arc::new(engine)),
        cards: Cards::new(backing.settings::<Search>()?.cached_cards),
        replica_id: Uuid::now_v7(),
        catalog: Owner::new(backing.client("catalog")?, "catalog"),
        pricing: Owner::new(backing.client("pricing")?, "pricing"),
        paging: backing.paging(),
    };
    let tasks = backing.tasks();
    tasks.keep("follow_table", follow_table(app.clone(), tasks.ending()));
    tasks.keep("fill_new_index", fill_new_index(app.clone(), tasks.ending()));
    let reconciler = reconciler(&app, &backing.config().reconcile);
    tasks.keep("reconcile", reconciler.run(tasks.ending()));
    let consumers = backing.consumers();
    backing.listen(consumers.on_batch(app.clone(), merge::subjects(), merge::merge))?;

    let index = app.index.clone();
    let filled = Check::hard("index", move || {
        let index = index.clone();
        async move { index.check_filled() }
    });
    Ok(backing.serve(app).check(filled))
}
