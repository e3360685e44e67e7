//! Handlers of many types behind one, by subject.

use super::{Consumers, Delivery, early};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use contracts::Event;
use fault::{Common, Fault};
use futures::FutureExt;
use futures::future::BoxFuture;
use pg::Tx;
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use uuid::Uuid;

/// What a handler made of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its effect is in the transaction, or it has none.
    Done,
    /// It is about something that is not known here yet. Said before anything is written; the library looks again under a
    /// lock, so that the awaited thing cannot slip in between, and keeps the event.
    Early {
        /// What it waits for, in the words that [`Received::apply_early`] will be called with: a product's id.
        awaits: String,
    },
}

impl Outcome {
    /// The event waits for `awaits`.
    pub fn early(awaits: impl Into<String>) -> Self {
        Self::Early { awaits: awaits.into() }
    }
}

/// An event as its handler gets it.
#[derive(Clone)]
pub struct Received<E> {
    /// Id of the event.
    pub id: Uuid,
    /// The event, which keeps the rules of the contract.
    pub event: E,
    /// When the change was made that it reports, by the publisher's database.
    pub at: DateTime<Utc>,
    consumers: Consumers,
}

impl<E> Received<E> {
    /// Has the events applied that waited for something which this transaction has just made; returns how many were
    /// taken. They go to the handlers of this service in the order in which they came, whoever published them.
    pub async fn apply_early(&self, tx: &mut Tx, awaited: &str) -> Result<usize, Fault> {
        early::apply(&self.consumers, tx, awaited).await
    }
}

impl<E> std::ops::Deref for Received<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.event
    }
}

/// An async function that handles events: `async fn(&App, &mut Tx, Received<E>) -> Result<Outcome, Fault>`. Every such
/// function is one; the trait says that its future can move between threads, which bounds cannot say of functions.
pub trait Handler<'a, A: 'a, E>: Fn(&'a A, &'a mut Tx, Received<E>) -> Self::Running + Send + Sync {
    /// The future of the function.
    type Running: Future<Output = Result<Outcome, Fault>> + Send + 'a;
}

impl<'a, A, E, F, Running> Handler<'a, A, E> for F
where
    A: 'a,
    F: Fn(&'a A, &'a mut Tx, Received<E>) -> Running + Send + Sync,
    Running: Future<Output = Result<Outcome, Fault>> + Send + 'a,
{
    type Running = Running;
}

/// Events that one handler takes together, in the order in which they came. It answers each with an [`Outcome`], in the same
/// order; where it fails it is given them one by one.
#[derive(Clone)]
pub struct Batch {
    /// The events, at least one.
    pub events: Vec<Arrived>,
    consumers: Consumers,
}

/// An event of a [`Batch`], not yet decoded.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// Id of the event.
    pub id: Uuid,
    /// Subject it was published under.
    pub subject: &'static str,
    /// Its bytes.
    pub payload: Bytes,
}

impl Batch {
    /// As [`Received::apply_early`].
    pub async fn apply_early(&self, tx: &mut Tx, awaited: &str) -> Result<usize, Fault> {
        early::apply(&self.consumers, tx, awaited).await
    }
}

/// An async function that handles batches: `async fn(&App, &mut Tx, Batch) -> Result<Vec<Outcome>, Fault>`.
pub trait BatchHandler<'a, A: 'a>: Fn(&'a A, &'a mut Tx, Batch) -> Self::Running + Send + Sync {
    /// The future of the function.
    type Running: Future<Output = Result<Vec<Outcome>, Fault>> + Send + 'a;
}

impl<'a, A, F, Running> BatchHandler<'a, A> for F
where
    A: 'a,
    F: Fn(&'a A, &'a mut Tx, Batch) -> Running + Send + Sync,
    Running: Future<Output = Result<Vec<Outcome>, Fault>> + Send + 'a,
{
    type Running = Running;
}

/// A batch handler with its service.
trait HandleBatch: Send + Sync {
    fn handle<'a>(
        &'a self,
        tx: &'a mut Tx,
        batch: Batch,
    ) -> BoxFuture<'a, Result<Vec<Outcome>, Fault>>;
}

struct BoundBatch<A, F> {
    app: Arc<A>,
    handler: F,
}

impl<A, F> HandleBatch for BoundBatch<A, F>
where
    A: Send + Sync + 'static,
    F: for<'a> BatchHandler<'a, A> + 'static,
{
    fn handle<'a>(
        &'a self,
        tx: &'a mut Tx,
        batch: Batch,
    ) -> BoxFuture<'a, Result<Vec<Outcome>, Fault>> {
        Box::pin((self.handler)(&self.app, tx, batch))
    }
}

/// A handler with its service, its event's type forgotten.
trait Handle: Send + Sync {
    fn handle<'a>(
        &'a self,
        consumers: &'a Consumers,
        tx: &'a mut Tx,
        delivery: &'a Delivery,
    ) -> BoxFuture<'a, Result<Outcome, Fault>>;
}

struct Bound<A, E, F> {
    app: Arc<A>,
    handler: F,
    event: PhantomData<fn() -> E>,
}

impl<A, E, F> Handle for Bound<A, E, F>
where
    E: Event + Send + Sync + 'static,
    A: Send + Sync + 'static,
    F: for<'a> Handler<'a, A, E> + 'static,
{
    fn handle<'a>(
        &'a self,
        consumers: &'a Consumers,
        tx: &'a mut Tx,
        delivery: &'a Delivery,
    ) -> BoxFuture<'a, Result<Outcome, Fault>> {
        let event = match decode::<E>(delivery) {
            Ok(event) => event,
            Err(fault) => return Box::pin(std::future::ready(Err(fault))),
        };
        let received = Received {
            id: delivery.envelope.id,
            event,
            at: delivery.envelope.at,
            consumers: consumers.clone(),
        };
        Box::pin((self.handler)(&self.app, tx, received))
    }
}

fn decode<E: Event>(delivery: &Delivery) -> Result<E, Fault> {
    let event = E::decode(delivery.payload.clone()).map_err(|error| {
        Fault::new(Common::Undecodable, format!("the bytes are no {}: {error}", E::TYPE))
    })?;
    let violations = event.violations();
    if violations.is_empty() { Ok(event) } else { Err(Fault::invalid(violations)) }
}

/// What a service listens to.
#[derive(Clone, Default)]
pub(super) struct Registry {
    handlers: BTreeMap<&'static str, Arc<dyn Handle>>,
    ignored: BTreeSet<&'static str>,
    batched: BTreeSet<&'static str>,
    batch: Option<Arc<dyn HandleBatch>>,
}

impl Registry {
    pub fn on_batch<A, F>(
        &mut self,
        app: Arc<A>,
        subjects: impl IntoIterator<Item = &'static str>,
        handler: F,
    ) where
        A: Send + Sync + 'static,
        F: for<'a> BatchHandler<'a, A> + 'static,
    {
        self.batched.extend(subjects);
        self.batch = Some(Arc::new(BoundBatch { app, handler }));
    }

    /// Whether events of this subject are handled together.
    pub fn is_batched(&self, subject: &str) -> bool {
        self.batched.contains(subject)
    }

    /// Has events handled together; all are of batched subjects.
    pub async fn handle_batch(
        &self,
        consumers: &Consumers,
        tx: &mut Tx,
        deliveries: &[&Delivery],
    ) -> Result<Vec<Outcome>, Fault> {
        let (Some(batch), Some(first)) = (&self.batch, deliveries.first()) else {
            return Ok(Vec::new());
        };
        let events = deliveries.iter().filter_map(|delivery| {
            let subject = *self.batched.get(delivery.subject())?;
            Some(Arrived { id: delivery.id(), subject, payload: delivery.payload.clone() })
        });
        let events = Batch { events: events.collect(), consumers: consumers.clone() };
        let context = first.context(consumers.service());
        let handled = async { batch.handle(tx, events).await };
        let handled = AssertUnwindSafe(handled).catch_unwind();
        let outcomes = match fault::context::scope(context, handled).await {
            Ok(result) => result?,
            Err(panic) => {
                return Err(Fault::internal(format!("the handler panicked: {}", text(&*panic))));
            }
        };
        if outcomes.len() == deliveries.len() {
            Ok(outcomes)
        } else {
            Err(Fault::internal("the handler did not answer each event of its batch"))
        }
    }

    pub fn on<E, A, F>(&mut self, app: Arc<A>, handler: F)
    where
        E: Event + Send + Sync + 'static,
        A: Send + Sync + 'static,
        F: for<'a> Handler<'a, A, E> + 'static,
    {
        let bound = Bound { app, handler, event: PhantomData };
        self.handlers.insert(E::SUBJECT, Arc::new(bound));
    }

    pub fn ignore(&mut self, subject: &'static str) {
        self.ignored.insert(subject);
    }

    pub fn subjects(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.handlers.keys().chain(&self.ignored).chain(&self.batched).copied()
    }

    pub fn publishers(&self) -> BTreeSet<&'static str> {
        self.subjects().map(crate::streams::publisher).collect()
    }

    pub fn handles(&self, subject: &str) -> bool {
        self.handlers.contains_key(subject) || self.is_batched(subject)
    }

    /// Whether this binary knows the type, if only to ignore it.
    pub fn knows(&self, subject: &str) -> bool {
        self.handles(subject)
            || self.ignored.contains(subject)
            || contracts::EVENTS.iter().any(|event| event.subject == subject)
    }

    /// Has an event handled under a context of its own. A panic is a bug in one handler and must not take the others down:
    /// it counts as an internal failure of this event.
    pub async fn handle(
        &self,
        consumers: &Consumers,
        tx: &mut Tx,
        delivery: &Delivery,
    ) -> Result<Outcome, Fault> {
        if self.is_batched(delivery.subject()) {
            let outcomes = self.handle_batch(consumers, tx, &[delivery]).await?;
            return Ok(outcomes.into_iter().next().unwrap_or(Outcome::Done));
        }
        let Some(handler) = self.handlers.get(delivery.subject()) else {
            return Err(crate::dead::unknown_type(delivery.subject()));
        };
        let context = delivery.context(consumers.service());
        // The handler's function itself may panic too, not only its future.
        let handled = async { handler.handle(consumers, tx, delivery).await };
        let handled = AssertUnwindSafe(handled).catch_unwind();
        match fault::context::scope(context, handled).await {
            Ok(result) => result,
            Err(panic) => Err(Fault::internal(format!("the handler panicked: {}", text(&*panic)))),
        }
    }
}

fn text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}
