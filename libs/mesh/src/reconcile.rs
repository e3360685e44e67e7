//! Copies compared with their owners. Whatever a service derives from what others own can go wrong behind every guard: a row
//! altered by hand, a restored backup, a handler's bug. A service writes each of its copies down as a [`Projection`], two lists
//! and a repair, and a [`Reconciler`] compares them for it:
//!
//! - by itself, one page of one projection in turn ([`sample`]), and everything once a day on one replica ([`schedule`]);
//! - where an RPC asked for it by [`ask`], as an operation with a report ([`asked`]).
//!
//! [`compare`] is pure: what is a difference. [`look`] reads two lists side by side, a page at a time, so a comparison takes no
//! more memory than two pages, however long they are. [`settle`] looks at what differed again before it counts, because a
//! change on its way differs too, then has it repaired and looks whether that helped. [`left`] shows on every replica what
//! differs still.

mod ask;
mod asked;
mod compare;
mod family;
mod full;
mod left;
mod look;
mod projection;
mod sample;
mod schedule;
mod settle;

pub use ask::ask;
pub use compare::{Drift, Listed};
pub use family::{FamilyCopy, Owner};
pub use projection::Projection;

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
    /// Differences that its last look left in the copies that this replica has for itself.
    own_left: AtomicI64,
}

impl<P: Projection> Reconciler<P> {
    /// For the projections of the service whose database this is. Repairs go in their order, so what others need comes first.
    pub fn new(db: Db, settings: &config::Reconcile, projections: Vec<P>) -> Self {
        let own_left = AtomicI64::new(0);
        Self { db, settings: settings.clone(), projections, total: None, own_left }
    }

    /// Also tells what all projections together were left with by the last full look, for a gauge of the service's own.
    #[must_use]
    pub fn with_total(mut self, tell: fn(f64)) -> Self {
        self.total = Some(tell);
        self
    }

    /// Compares until `ending`.
    pub async fn run(self, ending: CancellationToken) {
        // Boxed, because each holds a whole comparison: together they would take much of a thread's stack.
        let (sampling, scheduling) = (Box::pin(self.sample()), Box::pin(self.schedule()));
        let (asked, showing) = (Box::pin(self.do_asked()), Box::pin(self.show_left()));
        let working = async { tokio::join!(sampling, scheduling, asked, showing) };
        // What is cut off is done again: a comparison keeps nothing, and an operation is taken up by somebody else.
        ending.run_until_cancelled(working).await;
    }

    /// A piece of work under a context of its own; what fails is said and tried again the next time.
    async fn round(&self, doing: &'static str, work: impl Future<Output = Result<(), Fault>>) {
        let service = self.db.service();
        let done = context::scope(context::Context::of_service(service), work).await;
        if let Err(fault) = done {
            tracing::warn!(service, "{doing} failed, trying again: {}", fault.chain());
        }
    }
}
