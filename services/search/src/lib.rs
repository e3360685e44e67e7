#![doc = include_str!("../README.md")]

// Dependencies, and how it is served.
mod app;

// RPCs, events and background tasks.
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
    //! Background tasks.
    pub mod fill_new_index;
    pub mod follow_table;
    pub mod reconcile;
    pub mod share_changes;
}

// Domain logic.
pub mod domain {
    //! Pure functions: the state after an event, the content of a document.
    pub mod document;
    pub mod entry;
    pub mod shared;
    pub mod stock;
}

// Storage.
pub mod engine;
pub mod index;
mod schema;
pub mod store {
    //! Search's tables in PostgreSQL.
    pub mod cards;
    pub mod definitions;
    pub mod documents;
    pub mod entries;
    pub mod repairs;
    pub mod replicas;
    pub mod shared;
    pub mod versions;
    pub mod warehouses;
}
mod config;
mod wire;

pub use config::Search as Settings;

pub use app::App;

use bus::Tuning;
use config::Search;
use diesel_migrations::embed_migrations;
use engine::embedded::EmbeddedEngine;
use events::merge;
use fault::Fault;
use futures::FutureExt;
use index::Index;
use jobs::fill_new_index::fill_new_index;
use jobs::follow_table::follow_table;
use jobs::reconcile::reconciler;
use jobs::share_changes::share_changes;
use mesh::config::ServiceSettings;
use mesh::reconcile::Owner;
use mesh::telemetry::{SECONDS, counter, gauge, histogram};
use mesh::{Backing, BootError, Check, Role, Service};
use pg::migrate::Migrations;
use std::sync::Arc;
use std::time::Duration;
use store::cards::Cards;
use uuid::Uuid;

search_api::search_service!(App, rpc);

const MIGRATIONS: Migrations = embed_migrations!("../../migrations/search");

/// Search as the binary serves it.
pub const ROLE: Role = Role {
    name: "search",
    migrations: Some(|| MIGRATIONS),
    aggregates: &[],
    settings: Some(ServiceSettings::of::<Search>()),
    metrics: &[
        gauge(
            "search_index_drift_documents",
            &[],
            "Entries and documents that differ from what their owners say, of all projections of search together.",
        ),
        counter("search_indexed_documents_total", &[], "Documents written to the index."),
        histogram(
            "search_section_lag_seconds",
            SECONDS,
            &["section"],
            "Time from the commit at the owner to the merge of the event, by what it is of: price, stock, product and so on.",
        ),
    ],
    serve: |backing| serve(backing).boxed(),
};

async fn serve(backing: Backing<'_>) -> Result<Service, BootError> {
    let folder = backing.config().server.data_dir.join("search");
    let settings = backing.settings::<Search>()?;
    let keep = Duration::from_secs(settings.continued_seconds);
    let engine = EmbeddedEngine::open_keeping(&folder, keep)
        .map_err(|error| Fault::internal(error).context("open the index"))?;
    let app = App {
        db: backing.db()?,
        index: Index::new(Arc::new(engine)),
        cards: Cards::new(settings.cached_cards),
        replica_id: Uuid::now_v7(),
        catalog: Owner::new(backing.client("catalog")?, "catalog"),
        pricing: Owner::new(backing.client("pricing")?, "pricing"),
        warehouse: Owner::new(backing.client("warehouse")?, "warehouse"),
        paging: backing.paging(),
    };
    let tasks = backing.tasks();
    tasks.keep("follow_table", follow_table(app.clone(), tasks.ending()));
    let bus = backing.bus.clone();
    tasks.keep("share_changes", share_changes(app.clone(), bus, tasks.ending()));
    tasks.keep("fill_new_index", fill_new_index(app.clone(), tasks.ending()));
    let consumers = backing.consumers()?.tuned(Tuning::of_batches());
    let reconciler = reconciler(&app, &consumers, &backing.config().reconcile);
    tasks.keep("reconcile", reconciler.run(tasks.ending()));
    backing.listen(consumers.on_batch(app.clone(), merge::subjects(), merge::merge))?;

    let index = app.index.clone();
    let filled = Check::hard("index", move || {
        let index = index.clone();
        async move { index.check_filled() }
    });
    Ok(backing.serve(app).check(filled))
}
