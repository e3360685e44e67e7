#![doc = include_str!("../README.md")]
//! ## Where things are

// Dependencies, and how it is served.
mod app;
mod config;
mod front;

// Domain logic. No async, no clock.
pub mod domain {
    //! What a page shows of a product, and what its parts depend on.
    pub mod attributes;
    pub mod topics;
    pub mod view;
}

// RPCs and events.
pub mod rpc {
    //! One file for each RPC.
    pub mod get_product_view;
    pub mod list_product_views;
    pub mod search_product_views;
}
pub mod events {
    //! Events of other services.
    pub mod changes;
}

// Shared by the RPCs.
mod prices;
mod refusals;
mod stock;

pub use app::App;
pub use config::Gateway as Settings;

use cache::Answers;
use contracts::Kind;
use events::changes::follow;
use fault::Fault;
use front::Gate;
use futures::FutureExt;
use mesh::config::ServiceSettings;
use mesh::telemetry::counter;
use mesh::{Backing, BootError, Role, Service};
use rest::Routes;
use std::sync::Arc;

gateway_api::gateway_service!(App, rpc);

/// The gateway as the binary serves it.
pub const ROLE: Role = Role {
    name: "gateway",
    migrations: None,
    aggregates: &[],
    settings: Some(ServiceSettings::of::<Settings>()),
    metrics: &[
        counter(
            "gateway_answers_total",
            &["path", "source"],
            "Answers that may be kept: source is process, shared (Redis) or made.",
        ),
        counter(
            "gateway_limited_total",
            &["caller"],
            "Requests that were refused with RATE_LIMITED, by what was counted: subject or address.",
        ),
    ],
    serve: |backing| serve(backing).boxed(),
};

async fn serve(backing: Backing<'_>) -> Result<Service, BootError> {
    let settings = backing.settings::<Settings>()?;
    let answers = Arc::new(Answers::new(backing.redis(), settings.cached_bytes));
    let tasks = backing.tasks();
    tasks.keep("changes", follow(backing.bus.clone(), Arc::clone(&answers), tasks.ending()));
    let app = App::open(&backing, &settings)?;
    let gate = Gate::open(&backing, &settings, answers, Routes::all().preferring("gateway"))?;
    Ok(backing.serve(app).http(|grpc| gate.router(grpc)))
}

/// Whether a product is not there any more, which is no error where several are shown.
fn is_gone(fault: &Fault) -> bool {
    fault.kind() == Kind::NotFound
}
