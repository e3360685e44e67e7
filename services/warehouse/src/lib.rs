#![doc = include_str!("../README.md")]
//! ## Where things are

// Dependencies, and how it is served.
mod app;
mod config;
pub mod wire;

// Domain logic. No async, no clock, no database.
pub mod domain {
    //! Decisions: what a movement does to a level, who may hold it, which warehouse ships.
    pub mod allocation;
    pub mod incoming;
    pub mod item;
    pub mod ledger;
    pub mod level;
    pub mod promise;
    pub mod reservation;
    pub mod rules;
    #[cfg(test)]
    pub(crate) mod samples;
    pub mod status;
    pub mod stock_update;
    pub mod warehouse;
}

// RPCs, events and background tasks.
pub mod rpc {
    //! One file for each RPC.
    pub mod batch_get_availability;
    pub mod batch_update_stock;
    pub mod cancel_reservation;
    pub mod change_reservation;
    pub mod commit_reservation;
    pub mod create_warehouse;
    pub mod delete_warehouse;
    pub mod extend_reservation;
    pub mod fulfill_reservation;
    pub mod get_available_to_promise;
    pub mod get_reservation;
    pub mod get_sku_rules;
    pub mod get_stock;
    pub mod get_warehouse;
    pub mod list_incoming;
    pub mod list_movements;
    pub mod list_reservations;
    pub mod list_stock;
    pub mod list_warehouses;
    pub mod mark_payment_in_flight;
    pub mod plan_allocation;
    pub mod reconcile_stock;
    pub mod release_reservation;
    pub mod reserve;
    pub mod set_incoming;
    pub mod set_sku_rules;
    pub mod transfer_stock;
    pub mod update_stock;
    pub mod update_stock_settings;
    pub mod update_warehouse;
}
pub mod events {
    //! Events of other services.
    pub mod catalogue;
    pub mod orders;
}
pub mod jobs {
    //! Background tasks.
    pub mod keep_thresholds;
    pub mod reconcile_stock;
    pub mod sweep_expired;
}

// Shared by them.
mod catalog;
pub mod locations;
pub mod open;
pub mod reserve;
pub mod save;
pub mod stock;
pub mod update_stock;
pub mod waiting;

// Storage.
mod schema;
pub mod store {
    //! One file for each table.
    pub mod incoming;
    pub mod items;
    pub mod levels;
    pub mod movements;
    pub mod reconcile;
    pub mod reservations;
    pub mod rules;
    pub mod thresholds;
    pub mod warehouses;
}

pub use app::App;
pub use config::Warehouse as Settings;

use catalog_api::v1::catalog_service_client::CatalogServiceClient;
use diesel_migrations::embed_migrations;
use domain::level::Level;
use domain::warehouse::Warehouse;
use events::{catalogue, orders};
use futures::FutureExt;
use jobs::keep_thresholds::keep_thresholds;
use jobs::reconcile_stock::reconcile_stock;
use jobs::sweep_expired::sweep_expired;
use mesh::config::ServiceSettings;
use mesh::telemetry::{counter, histogram};
use mesh::{Backing, BootError, Role, Service};
use pg::heads::Aggregates;
use pg::migrate::Migrations;
use std::sync::Arc;

warehouse_api::warehouse_service!(App, rpc);

const MIGRATIONS: Migrations = embed_migrations!("../../migrations/warehouse");

/// Warehouse as the binary serves it.
pub const ROLE: Role = Role {
    name: "warehouse",
    migrations: Some(|| MIGRATIONS),
    aggregates: &[Aggregates::of::<Warehouse>(), Aggregates::of::<Level>()],
    settings: Some(ServiceSettings::of::<Settings>()),
    metrics: &[
        counter("warehouse_movements_total", &["kind"], "Movements that were recorded, by kind."),
        counter(
            "warehouse_reservations_total",
            &["outcome"],
            "Reservations that were asked for: outcome is held, short or refused.",
        ),
        counter("warehouse_low_stock_total", &[], "Levels that became low."),
        counter("warehouse_expired_reservations_total", &[], "Holds whose time was up."),
        counter(
            "warehouse_drift_levels_total",
            &[],
            "Levels that differed from their ledger, at each comparison.",
        ),
        histogram(
            "warehouse_combined_reservations",
            &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0],
            &[],
            "Reservations that one transaction made.",
        ),
    ],
    serve: |backing| serve(backing).boxed(),
};

async fn serve(backing: Backing<'_>) -> Result<Service, BootError> {
    let app = App {
        db: backing.db()?,
        catalog: CatalogServiceClient::new(backing.client("catalog")?),
        paging: backing.paging(),
        settings: backing.settings::<Settings>()?,
        locations: Arc::default(),
        queues: Arc::default(),
        held: Arc::default(),
        thresholds_due: Arc::default(),
    };
    let tasks = backing.tasks();
    tasks.keep("sweep_expired", sweep_expired(app.clone(), tasks.ending()));
    tasks.keep("keep_thresholds", keep_thresholds(app.clone(), tasks.ending()));
    tasks.keep("reconcile_stock", reconcile_stock(app.clone(), tasks.ending()));
    let consumers = backing
        .consumers()?
        .project_batch(app.clone(), catalogue::keep_variants)
        .project_batch(app.clone(), catalogue::keep_products)
        .project(app.clone(), catalogue::keep_category)
        .on(app.clone(), orders::order_status_changed)
        .on(app.clone(), orders::fulfillment_status_changed);
    backing.listen(consumers)?;
    Ok(backing.serve(app))
}
