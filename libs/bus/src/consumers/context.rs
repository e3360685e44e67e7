//! What every step of consumption shares: database, broker, settings and handlers.

use super::backoff::Outages;
use super::delivery::Delivery;
use super::outcome::Outcome;
use super::settings::Tuning;
use super::unavailable::Unavailable;
use crate::{Bus, streams};
use fault::Fault;
use futures::future::BoxFuture;
use pg::{Db, Tx, projections};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::{RwLock, watch};
use uuid::Uuid;

/// All events that one service consumes. Cheap to clone; clones share the handlers.
#[derive(Clone)]
pub struct Consumers {
    pub(super) db: Db,
    pub(super) bus: Bus,
    pub(super) tuning: Tuning,
    pub(super) registry: Arc<Registry>,
    /// Whether kept events that waited for the one at hand are deferred, not applied with it.
    pub(super) defers_kept: bool,
    pub(super) outages: Arc<Outages>,
    /// Distinguishes this process from every other one that handles the service's events.
    pub(super) process: Uuid,
    /// Locked shared by all that handles events of this service in this process, and exclusively for one that runs in isolation.
    pub(super) in_flight: Arc<RwLock<()>>,
    pub(super) unavailable: Unavailable,
    /// The publishers whose events are being consumed: their durable consumers exist.
    pub(super) following: Arc<watch::Sender<BTreeSet<String>>>,
}

impl Consumers {
    /// The consumers of the service whose database this is.
    pub fn new(db: Db, bus: Bus) -> Self {
        Self {
            db,
            bus,
            tuning: Tuning::default(),
            registry: Arc::default(),
            defers_kept: false,
            outages: Arc::default(),
            process: Uuid::now_v7(),
            in_flight: Arc::default(),
            unavailable: Unavailable::default(),
            following: Arc::new(watch::Sender::default()),
        }
    }

    /// The same with other tuning.
    #[must_use]
    pub fn tuned(mut self, tuning: Tuning) -> Self {
        self.tuning = tuning;
        self
    }

    /// Name of the durable consumer of what `publisher` publishes: `search-from-catalog`.
    pub fn name(&self, publisher: &str) -> String {
        format!("{}-from-{publisher}", self.service())
    }

    /// The copies that the service keeps by [`Consumers::project`].
    pub fn copies(&self) -> &[Copied] {
        &self.registry.copies
    }

    /// Waits until the durable consumers of these publishers exist, as far as the service consumes their events.
    pub async fn following(&self, publishers: &[&str]) {
        let consumed = self.registry.publishers();
        let wanted: Vec<&str> =
            publishers.iter().copied().filter(|publisher| consumed.contains(publisher)).collect();
        let mut following = self.following.subscribe();
        // Never closed: this struct holds the sender.
        let _ = following.wait_for(|all| wanted.iter().all(|one| all.contains(*one))).await;
    }

    pub(super) fn service(&self) -> &'static str {
        self.db.service()
    }

    /// The same, for an event that may be a poison event.
    pub(super) fn deferring_kept(mut self) -> Self {
        self.defers_kept = true;
        self
    }
}

/// The outcomes of events, in their order.
pub(super) type Outcomes<'a> = BoxFuture<'a, Result<Vec<Outcome>, Fault>>;

/// A handler with its service, the types erased.
pub(super) trait Handle: Send + Sync {
    fn handle<'a>(
        &'a self,
        consumers: &'a Consumers,
        tx: &'a mut Tx,
        events: &'a [(&'static str, &'a Delivery)],
    ) -> Outcomes<'a>;

    /// Whether it takes several events at once.
    fn takes_batches(&self) -> bool {
        false
    }

    /// Whether it takes only what is newer than what it took before.
    fn takes_newest(&self) -> bool {
        false
    }

    /// Removes its copy of an aggregate that the owner never had.
    fn remove<'a>(&'a self, _tx: &'a mut Tx, _key: &'a str) -> Outcomes<'a> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

/// A copy of the aggregates of one family.
#[derive(Clone)]
pub struct Copied {
    /// The family, e.g. `catalog.product`.
    pub family: &'static str,
    pub(super) handler: Arc<dyn Handle>,
}

impl Copied {
    /// Removes from the copy what the owner never had, unless it has another version by now.
    pub async fn forget(&self, tx: &mut Tx, key: &str, version: i64) -> Result<(), Fault> {
        if projections::forget(tx, self.family, key, version).await? {
            self.handler.remove(tx, key).await?;
        }
        Ok(())
    }
}

/// The handlers of a service, by subject.
#[derive(Clone, Default)]
pub(super) struct Registry {
    pub handlers: BTreeMap<&'static str, Arc<dyn Handle>>,
    pub copies: Vec<Copied>,
}

impl Registry {
    pub fn publishers(&self) -> BTreeSet<&'static str> {
        self.handlers.keys().copied().map(streams::publisher).collect()
    }

    pub fn handles(&self, subject: &str) -> bool {
        self.handlers.contains_key(subject)
    }

    /// Whether the type is in this binary's contract, even if the service does nothing about it.
    pub fn knows(&self, subject: &str) -> bool {
        self.handles(subject) || contracts::event(subject).is_some()
    }
}
