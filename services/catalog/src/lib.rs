#![doc = include_str!("../README.md")]
//! ## Where things are

// Dependencies, and how it is served.
mod app;
mod config;
pub mod wire;

// Domain logic. No async, no clock, no database.
pub mod domain {
    //! Decisions: types, invariants, refusals; one file for each aggregate.
    pub mod product;
    pub mod variant;

    pub mod category;

    pub mod brand;

    pub mod stock;

    pub mod attribute;
    pub mod definitions;
    pub mod free;
    pub mod kind;
    pub mod value;

    pub mod import;
    pub mod listed;
}

// The RPCs.
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
    pub mod delete_attribute;
    pub mod list_attributes;
    pub mod rename_attribute_value;

    pub mod import_products;
    pub mod resolve_items;
}

pub mod events {
    //! What product pages show of other services.
    pub mod display;
}
pub mod jobs {
    //! Background tasks.
    pub mod keep_list;
    pub mod keep_stock_status;
    pub mod warm_answers;
}

// Shared by the RPCs.
mod answers;
mod chunk;
mod revalue;

// Storage.
mod schema;
pub mod store;

pub use app::App;
pub use config::Catalog as Settings;

use bus::Tuning;
use diesel_migrations::embed_migrations;
use domain::{
    attribute::Attribute, brand::Brand, category::Category, product::Product, stock::ProductStock,
    variant::Variant,
};
use events::display;
use futures::FutureExt;
use jobs::keep_list::keep_list;
use jobs::keep_stock_status::keep_stock_status;
use jobs::warm_answers::warm_answers;
use mesh::config::ServiceSettings;
use mesh::telemetry::histogram;
use mesh::{Backing, BootError, Role, Service};
use pg::heads::Aggregates;
use pg::migrate::Migrations;
use std::sync::Arc;

catalog_api::catalog_service!(App, rpc);

const MIGRATIONS: Migrations = embed_migrations!("../../migrations/catalog");

/// The catalogue as the binary serves it.
pub const ROLE: Role = Role {
    name: "catalog",
    migrations: Some(|| MIGRATIONS),
    aggregates: &[
        Aggregates::of::<Product>(),
        Aggregates::of::<Variant>(),
        Aggregates::of::<Category>(),
        Aggregates::of::<Brand>(),
        Aggregates::of::<Attribute>(),
        Aggregates::of::<ProductStock>(),
    ],
    settings: Some(ServiceSettings::of::<Settings>()),
    metrics: &[histogram(
        "catalog_list_lag_seconds",
        &[0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 30.0],
        &[],
        "Time from a change until sorted and filtered lists show it.",
    )],
    serve: |backing| serve(backing).boxed(),
};

async fn serve(backing: Backing<'_>) -> Result<Service, BootError> {
    let settings = backing.settings::<Settings>()?;
    let app = App {
        db: backing.db()?,
        paging: backing.paging(),
        stopping: backing.tasks().stop(),
        low_stock_threshold: settings.low_stock_threshold,
        stock_due: Arc::default(),
        list_due: Arc::default(),
        cached: backing.cached(settings.cached_bytes),
    };
    let follower = app.clone();
    app.db.follow_commits(move |facts| answers::follow(follower.clone(), facts).boxed());
    let tasks = backing.tasks();
    tasks.keep("keep_list", keep_list(app.clone(), tasks.ending()));
    tasks.keep("warm_answers", warm_answers(app.clone(), settings.warm_answers, tasks.ending()));
    tasks.keep("keep_stock_status", keep_stock_status(app.clone(), tasks.ending()));
    let consumers = backing
        .consumers()?
        .tuned(Tuning::of_batches())
        .project_batch(app.clone(), display::keep_stock)
        .project(app.clone(), display::keep_warehouse)
        .project_batch(app.clone(), display::keep_prices);
    backing.listen(consumers)?;
    Ok(backing.serve(app))
}
