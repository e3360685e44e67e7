//! Compares copies of aggregates with their owners, the services that publish them. A copy can become wrong although every event
//! was handled: by a row that was altered by hand, a restored backup, a handler's bug. A service declares each of its copies as a
//! [`Projection`], two lists and a repair, and a [`Reconciler`] compares them:
//!
//! - periodically: one page of one projection in turn ([`sample`]), and everything once a day on one replica ([`schedule`]);
//! - on request of an RPC ([`request()`]), as an operation with a report ([`requested`]).
//!
//! [`compare`] decides what a difference is; it does no I/O. What a copy is only late with, because events are still to be published
//! or handled, is none. [`pages`] reads two lists side by side, a page at a time, so that a
//! comparison takes no more memory than two pages. [`confirm`] compares again what differed, because a change whose event has not
//! arrived yet differs too; it then has the confirmed differences repaired and checks the outcome. [`remaining`] sets the gauges
//! of the differences that remain, on every replica.

mod compare;
mod confirm;
mod family;
mod full;
mod pages;
mod projection;
mod remaining;
mod request;
mod requested;
mod sample;
mod schedule;

pub use compare::{Drift, Listed};
pub use family::{FamilyCopy, Owner};
pub use projection::Projection;
pub use request::request;

use crate::config;
use fault::{Fault, context};
use pg::Db;
use std::sync::atomic::AtomicI64;
use tokio_util::sync::CancellationToken;

/// Compares the projections of one service with their owners.
pub struct Reconciler<P> {
    db: Db,
    settings: config::Reconcile,
    projections: Vec<P>,
    total: Option<fn(f64)>,
    /// Differences that remained after the last comparison of this replica's local copies.
    local_remaining: AtomicI64,
}

impl<P: Projection> Reconciler<P> {
    /// For the projections of the service with this database. They are compared and repaired in the given order, so a projection
    /// comes after those that its rows refer to.
    pub fn new(db: Db, settings: &config::Reconcile, projections: Vec<P>) -> Self {
        let local_remaining = AtomicI64::new(0);
        Self { db, settings: settings.clone(), projections, total: None, local_remaining }
    }

    /// Also passes the number of differences that remained in all projections together to `set`, for a gauge of the service.
    #[must_use]
    pub fn with_total(mut self, set: fn(f64)) -> Self {
        self.total = Some(set);
        self
    }

    /// Compares until `ending`.
    pub async fn run(self, ending: CancellationToken) {
        // Boxed, because each future contains a full comparison: together they would take much of a thread's stack.
        let (sampling, scheduling) = (Box::pin(self.sample()), Box::pin(self.schedule()));
        let (requested, showing) =
            (Box::pin(self.run_requested()), Box::pin(self.show_remaining()));
        let working = async { tokio::join!(sampling, scheduling, requested, showing) };
        // A comparison that is cancelled has no state to clean up, and another process takes up its operation.
        ending.run_until_cancelled(working).await;
    }

    /// Runs `work` under a context of its own; a failure is logged, and the next round tries again.
    async fn round(&self, doing: &'static str, work: impl Future<Output = Result<(), Fault>>) {
        let service = self.db.service();
        let done = context::scope(context::Context::of_service(service), work).await;
        if let Err(fault) = done {
            tracing::warn!(service, "{doing} failed, trying again: {}", fault.chain());
        }
    }
}
