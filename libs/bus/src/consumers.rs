//! How a service listens. One durable consumer for each publisher, `search-from-catalog`, found by the subjects of the
//! handlers:
//!
//! ```text
//! Consumers::new(db, bus)
//!     .on(app.clone(), on::product_created::product_created)
//!     .on(app.clone(), on::price_updated::price_updated)
//!     .run(stop)
//!     .await
//! ```
//!
//! A handler is one async function: `async fn product_created(app: &App, tx: &mut Tx, event: Received<ProductCreated>) ->
//! Result<Outcome, Fault>`. It does SQL on `tx` and nothing else, because it may run more than once, and together with
//! other events in one transaction. It writes by version: see the crate's page.
//!
//! The path of a message: [`follow`] takes it off the broker, [`work`] gives it to the worker of its key, [`effect`] does
//! transactions, [`verdict`] decides what the broker is told and [`patience`] how soon it is to send again, [`outage`] waits for the database, [`early`] keeps what comes
//! too soon and [`overdue`] gives it up, [`suspects`] are those that may have killed the process, and [`examine`] finds out;
//! [`advisories`] finds what the broker gave up, [`upkeep`] is what happens by the clock, [`aside`] and [`parked`] what is tried
//! again with care, [`replay`] what operators ask for.

mod advisories;
mod aside;
mod attempts;
mod delivery;
mod durable;
mod early;
mod effect;
mod examine;
mod follow;
mod handler;
mod held;
mod outage;
mod overdue;
mod parked;
mod patience;
mod projection;
mod registry;
mod replay;
mod suspects;
mod upkeep;
mod verdict;
mod work;

use crate::dead::{self, Letter};
use crate::{Bus, streams};
use contracts::{Aggregate, Event};
use delivery::Delivery;
use effect::Effect;
use fault::{Fault, Kind, point};
use patience::Outages;
use pg::{Db, Tx};
use registry::Registry;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use handler::{Arrived, Batch, BatchHandler, Handler, Outcome, Received};
pub use projection::{Copied, Keeper};

/// How long a process that ends waits for the one event that it examines or replays: its tasks are cut off after three
/// seconds, and within them it still has to write down that it lives.
const ENDING: Duration = Duration::from_secs(1);

/// The pace of the consumers; the defaults are those of production.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// How long the broker waits for an acknowledgement before it sends a message to somebody else. Messages that are held
    /// longer say so in time.
    pub ack_wait: Duration,
    /// Most messages that one durable consumer may have handed out.
    pub max_ack_pending: i64,
    /// How often the broker hands out a message at most; far beyond what is ever needed, because reaching it would hide
    /// the message.
    pub max_deliver: i64,
    /// Events of one key are handled by one worker, in order; so many keys are handled at once.
    pub workers: usize,
    /// Most events that share a transaction. More of them would hold the locks of hot keys for longer, and have more to repeat
    /// where one fails.
    pub batch: usize,
    /// First pause before an event is tried again; further ones grow.
    pub retry: Duration,
    /// Longest time of a transaction, of one event or of many.
    pub handling: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            ack_wait: Duration::from_secs(10),
            max_ack_pending: 256,
            max_deliver: 1000,
            workers: 8,
            batch: 16,
            retry: Duration::from_millis(250),
            handling: Duration::from_secs(30),
        }
    }
}

/// What became of a letter that was fed to its handler again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    /// Its effect is committed.
    Applied,
    /// It is kept until what it waits for arrives.
    Kept,
    /// Its effect had been committed before.
    Duplicate,
    /// No handler cares for it.
    Ignored,
}

/// All that one service listens to. Cheap to clone; clones share the handlers.
#[derive(Clone)]
pub struct Consumers {
    db: Db,
    bus: Bus,
    tuning: Tuning,
    registry: Arc<Registry>,
    /// Whether events that waited for the one at hand are set aside, not applied with it.
    careful: bool,
    outages: Arc<Outages>,
    /// Tells this process from every other one that handles the service's events.
    process: Uuid,
}

impl Consumers {
    /// The consumers of the service whose database this is.
    pub fn new(db: Db, bus: Bus) -> Self {
        Self {
            db,
            bus,
            tuning: Tuning::default(),
            registry: Arc::default(),
            careful: false,
            outages: Arc::default(),
            process: Uuid::now_v7(),
        }
    }

    /// The same at another pace.
    #[must_use]
    pub fn tuned(mut self, tuning: Tuning) -> Self {
        self.tuning = tuning;
        self
    }

    /// Handles the events that `handler` takes. A second handler of the same event takes the place of the first.
    #[must_use]
    pub fn on<E, A, F>(mut self, app: impl Into<Arc<A>>, handler: F) -> Self
    where
        E: Event + Send + Sync + 'static,
        A: Send + Sync + 'static,
        F: for<'a> Handler<'a, A, E> + 'static,
    {
        Arc::make_mut(&mut self.registry).on(app.into(), handler, false);
        self
    }

    /// Handles the events that `handler` takes, and of each aggregate only those that are newer than every one handled before:
    /// for projections. The look, the effect and the note of the version are one transaction, under a lock of the aggregate.
    /// All events of an aggregate go this way or none, its deletion above all: else something late could bring it back.
    #[must_use]
    pub fn on_newest<E, A, F>(mut self, app: impl Into<Arc<A>>, handler: F) -> Self
    where
        E: Event + Send + Sync + 'static,
        A: Send + Sync + 'static,
        F: for<'a> Handler<'a, A, E> + 'static,
    {
        Arc::make_mut(&mut self.registry).on(app.into(), handler, true);
        self
    }

    /// Keeps a copy of the aggregates of a family, whichever events tell of them: `keeper` is given each newer state. What the copy
    /// holds is noted, so that it can be compared with its owner and repaired ([`Consumers::copies`]).
    #[must_use]
    pub fn project<A, S, F>(mut self, app: impl Into<Arc<S>>, keeper: F) -> Self
    where
        A: Aggregate + Send + Sync + 'static,
        S: Send + Sync + 'static,
        F: for<'a> Keeper<'a, S, A> + 'static,
    {
        Arc::make_mut(&mut self.registry).project(app.into(), keeper);
        self
    }

    /// The copies that the service keeps by [`Consumers::project`].
    pub fn copies(&self) -> &[Copied] {
        self.registry.copies()
    }

    /// The database of the service.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Handles the events of `subjects` together, as many as share a transaction: for a service that merges many events into
    /// few writes. Where it fails it is given them in halves, down to the one that is in the way.
    #[must_use]
    pub fn on_batch<A, F>(
        mut self,
        app: impl Into<Arc<A>>,
        subjects: impl IntoIterator<Item = &'static str>,
        handler: F,
    ) -> Self
    where
        A: Send + Sync + 'static,
        F: for<'a> BatchHandler<'a, A> + 'static,
    {
        Arc::make_mut(&mut self.registry).on_batch(app.into(), subjects, handler);
        self
    }

    /// Name of the durable consumer of what `publisher` says: `search-from-catalog`.
    pub fn name(&self, publisher: &str) -> String {
        format!("{}-from-{publisher}", self.service())
    }

    /// Handles events until `stop`, through every failure of broker and database. Fails only where the broker holds a
    /// stream or a consumer that differs from what is asked in a way that matters.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Fault> {
        // What fails here ends us, not whoever else waits for the same `stop`.
        let stop = stop.child_token();
        self.prepare(&stop).await?;
        let ended = CancellationToken::new();
        let (mut workers, held) = work::start(&self, &stop);
        let mut tasks: JoinSet<Result<(), Fault>> = JoinSet::new();
        for publisher in self.registry.publishers() {
            let (all, queues, stop) = (self.clone(), workers.queues(), stop.clone());
            let held = held.clone();
            tasks
                .spawn(async move { follow::follow(&all, publisher, &queues, &held, &stop).await });
        }
        let parked = Arc::new(AtomicU64::new(0));
        tasks.spawn(upkeep::run(self.clone(), parked.clone(), stop.clone()));
        tasks.spawn(aside::run(self.clone(), parked, stop.clone()));
        tasks.spawn(replay::run(self.clone(), stop.clone()));
        let mut progress = JoinSet::new();
        progress.spawn(held.clone().report(self.tuning.ack_wait, ended.clone()));
        let mut result = Ok(());
        loop {
            let outcome = tokio::select! {
                joined = tasks.join_next() => match joined {
                    Some(joined) => joined.unwrap_or_else(|died| Err(Fault::internal(died))),
                    None => break,
                },
                died = workers.died() => Err(died),
            };
            if result.is_ok() && outcome.is_err() {
                stop.cancel();
                result = outcome;
            }
        }
        let worked = workers.finish().await;
        ended.cancel();
        progress.join_all().await;
        // What was acknowledged last is still in the client's buffer.
        let _ = tokio::time::timeout(Duration::from_secs(2), self.bus.client().flush()).await;
        result.and(worked)
    }

    /// Feeds a dead letter to this service's handler only, under its original id, and removes it once the effect is
    /// committed. Killed half-way it loses nothing: the next try finds the effect there. Where the handler fails the letter
    /// stays and the fault is returned.
    pub async fn replay(&self, letter: &Letter) -> Result<Replayed, Fault> {
        let replayed = self.feed(letter).await?;
        dead::discard(&self.bus, letter).await?;
        Ok(replayed)
    }

    /// The first half of a replay: the effect.
    async fn feed(&self, letter: &Letter) -> Result<Replayed, Fault> {
        let delivery = Delivery::of_letter(letter)?;
        point::reached("dead.replay").await?;
        let replayed = if self.registry.handles(delivery.subject()) {
            let _shared = self.bus.in_flight().read().await;
            match effect::again(&self.clone().careful(), &delivery).await {
                Ok(Effect::Applied | Effect::Stale) => Replayed::Applied,
                Ok(Effect::Kept) => Replayed::Kept,
                Ok(Effect::Duplicate) => Replayed::Duplicate,
                Err(fault) if fault.kind() == Kind::AlreadyExists => Replayed::Duplicate,
                Err(fault) => return Err(fault),
            }
        } else if self.registry.knows(delivery.subject()) {
            Replayed::Ignored
        } else {
            return Err(dead::unknown_type(delivery.subject()));
        };
        point::reached("dead.replayed").await?;
        metrics::counter!("dead_letters_replayed_total", "consumer" => letter.consumer.clone())
            .increment(1);
        Ok(replayed)
    }

    /// Has the events applied that waited for something which the caller's transaction has just made. A handler that is
    /// given the event calls [`Received::apply_early`] instead.
    pub async fn apply_early(&self, tx: &mut Tx, awaited: &str) -> Result<usize, Fault> {
        early::apply(self, tx, &[awaited.to_owned()]).await
    }

    /// Makes dead letters of the events that have waited for more than a day; returns how many. [`Consumers::run`] does it
    /// every five seconds.
    pub async fn sweep_early(&self) -> Result<usize, Fault> {
        overdue::sweep(self).await
    }

    /// Makes dead letters of the messages that the broker has sent as often as it may; returns how many. Done by
    /// [`Consumers::run`] each minute.
    pub async fn sweep_given_up(&self) -> Result<usize, Fault> {
        advisories::sweep(self).await
    }

    /// The same, for an event that a process may have died of.
    fn careful(mut self) -> Self {
        self.careful = true;
        self
    }

    pub(crate) fn service(&self) -> &'static str {
        self.db.service()
    }

    /// Dead letters need their stream before the first event is handled, and so do the broker's advisories.
    async fn prepare(&self, stop: &CancellationToken) -> Result<(), Fault> {
        self.registry.check()?;
        let mut told = false;
        while !stop.is_cancelled() {
            match streams::ensure_last_nets(&self.bus, self.service()).await {
                Ok(()) => return Ok(()),
                Err(fault) if fault.kind() == Kind::Internal => return Err(fault),
                Err(fault) if !told => {
                    told = true;
                    tracing::warn!("consumers wait for the broker: {}", fault.chain());
                }
                Err(_) => {}
            }
            let _ = tokio::time::timeout(Duration::from_millis(500), stop.cancelled()).await;
        }
        Ok(())
    }
}
