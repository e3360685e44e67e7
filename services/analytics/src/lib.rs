#![doc = include_str!("../README.md")]
//! ## Where things are

// Dependencies, and how it is served.
mod app;
mod config;
pub mod wire;

// Domain logic. No async, no clock, no database.
pub mod domain {
    //! Types of events, which events are counted, what each adds to which counters.
    pub mod counting;
    pub mod event;
    pub mod figures;
    pub mod period;
    pub mod types;
}

// RPCs, events and background tasks.
pub mod rpc {
    //! One file for each RPC.
    pub mod get_customer_report;
    pub mod get_funnel;
    pub mod get_overview;
    pub mod get_product_report;
    pub mod get_sales;
    pub mod list_events;
    pub mod list_refused_events;
    pub mod list_trending;
    pub mod record_browser_events;
    pub mod record_events;
    pub mod repair_day;
}
pub mod events {
    //! Events of other services.
    pub mod observed;
}
pub mod jobs {
    //! Background tasks.
    pub mod add_counts;
    pub mod keep_days;
    pub mod repair_days;
}

// Shared by them.
mod intake;
pub mod record;
pub mod repair;

// Storage.
mod schema;
pub mod store {
    //! Analytics' tables.
    pub mod counters;
    pub mod days;
    pub mod events;
    pub mod expired;
    pub mod new_counts;
    pub mod refused;
    pub mod reports;
    pub mod visits;
}

pub use app::App;
pub use config::Analytics as Settings;

use diesel_migrations::embed_migrations;
use futures::FutureExt;
use jobs::add_counts::add_counts;
use jobs::keep_days::keep_days;
use jobs::repair_days::repair_days;
use mesh::config::ServiceSettings;
use mesh::telemetry::counter;
use mesh::{Backing, BootError, Role, Service};
use pg::migrate::Migrations;

analytics_api::analytics_service!(App, rpc);

const MIGRATIONS: Migrations = embed_migrations!("../../migrations/analytics");

/// Analytics as the binary serves it.
pub const ROLE: Role = Role {
    name: "analytics",
    migrations: Some(|| MIGRATIONS),
    aggregates: &[],
    settings: Some(ServiceSettings::of::<Settings>()),
    metrics: &[
        counter(
            "analytics_events_total",
            &["source", "outcome"],
            "Events that were sent: outcome is accepted, duplicate or refused.",
        ),
        counter(
            "analytics_drift_counters_total",
            &[],
            "Counters that differed from the events of their day, at each comparison.",
        ),
    ],
    serve: |backing| serve(backing).boxed(),
};

async fn serve(backing: Backing<'_>) -> Result<Service, BootError> {
    let settings = backing.settings::<Settings>()?;
    let app = App::new(backing.db()?, backing.paging(), settings.kept_days);
    let tasks = backing.tasks();
    tasks.keep("add_counts", add_counts(app.clone(), tasks.ending()));
    tasks.keep("keep_days", keep_days(app.clone(), tasks.ending()));
    tasks.keep("repair_days", repair_days(app.clone(), tasks.ending()));
    Ok(backing.serve(app))
}
