//! Handlers of many types behind one, by subject.

use super::handler::{Arrived, Batch, BatchHandler, Handler, Outcome, Received};
use super::projection::{Copied, Keeper, Projecting};
use super::{Consumers, Delivery};
use crate::envelope::Envelope;
use contracts::{Aggregate, Event};
use fault::context::{self, Context};
use fault::{Common, Fault, point};
use futures::FutureExt;
use futures::future::BoxFuture;
use pg::{Tx, versions};
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) type Outcomes<'a> = BoxFuture<'a, Result<Vec<Outcome>, Fault>>;

/// A handler with its service, the types forgotten.
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

    /// Removes what it keeps of an aggregate that never was.
    fn remove<'a>(&'a self, _tx: &'a mut Tx, _key: &'a str) -> Outcomes<'a> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

struct Single<A, E, F> {
    app: Arc<A>,
    handler: F,
    /// Whether it is given only what is newer than all that it was given before.
    newest: bool,
    event: PhantomData<fn() -> E>,
}

impl<A, E, F> Handle for Single<A, E, F>
where
    E: Event + Send + Sync + 'static,
    A: Send + Sync + 'static,
    F: for<'a> Handler<'a, A, E> + 'static,
{
    fn handle<'a>(
        &'a self,
        consumers: &'a Consumers,
        tx: &'a mut Tx,
        events: &'a [(&'static str, &'a Delivery)],
    ) -> Outcomes<'a> {
        Box::pin(async move {
            let mut outcomes = Vec::with_capacity(events.len());
            for (_, delivery) in events {
                let received = Received {
                    id: delivery.id(),
                    event: decode::<E>(delivery)?,
                    at: delivery.envelope.at,
                    consumers: consumers.clone(),
                };
                outcomes.push(if self.newest {
                    self.if_newer(tx, delivery, received).await?
                } else {
                    (self.handler)(&self.app, tx, received).await?
                });
            }
            Ok(outcomes)
        })
    }

    fn takes_newest(&self) -> bool {
        self.newest
    }
}

impl<A, E, F> Single<A, E, F>
where
    A: Send + Sync + 'static,
    F: for<'a> Handler<'a, A, E> + 'static,
{
    /// An event that is kept for later leaves the version as it was: it will come again as the same one.
    async fn if_newer(
        &self,
        tx: &mut Tx,
        delivery: &Delivery,
        received: Received<E>,
    ) -> Result<Outcome, Fault> {
        let Envelope { key, version, .. } = &delivery.envelope;
        let handled = versions::lock(tx, &delivery.consumer, key).await?;
        if *version <= handled && !point::off("version-guard") {
            return Ok(Outcome::Stale);
        }
        let outcome = (self.handler)(&self.app, tx, received).await?;
        if outcome == Outcome::Done {
            versions::raise(tx, &delivery.consumer, key, *version).await?;
        }
        Ok(outcome)
    }
}

fn decode<E: Event>(delivery: &Delivery) -> Result<E, Fault> {
    let event = E::decode(delivery.payload.clone()).map_err(|error| {
        Fault::new(Common::Undecodable, format!("the bytes are no {}: {error}", E::TYPE))
    })?;
    let violations = event.violations();
    if violations.is_empty() { Ok(event) } else { Err(Fault::invalid(violations)) }
}

struct Whole<A, F> {
    app: Arc<A>,
    handler: F,
}

impl<A, F> Handle for Whole<A, F>
where
    A: Send + Sync + 'static,
    F: for<'a> BatchHandler<'a, A> + 'static,
{
    fn handle<'a>(
        &'a self,
        consumers: &'a Consumers,
        tx: &'a mut Tx,
        events: &'a [(&'static str, &'a Delivery)],
    ) -> Outcomes<'a> {
        let arrived = |(subject, delivery): &(&'static str, &Delivery)| Arrived {
            id: delivery.id(),
            subject,
            payload: delivery.payload.clone(),
            at: delivery.envelope.at,
        };
        let batch =
            Batch { events: events.iter().map(arrived).collect(), consumers: consumers.clone() };
        Box::pin((self.handler)(&self.app, tx, batch))
    }

    fn takes_batches(&self) -> bool {
        true
    }
}

/// What a service listens to.
#[derive(Clone, Default)]
pub(super) struct Registry {
    handlers: BTreeMap<&'static str, Arc<dyn Handle>>,
    copies: Vec<Copied>,
}

impl Registry {
    /// `newest`: it is given only what is newer than all that it was given before.
    pub fn on<E, A, F>(&mut self, app: Arc<A>, handler: F, newest: bool)
    where
        E: Event + Send + Sync + 'static,
        A: Send + Sync + 'static,
        F: for<'a> Handler<'a, A, E> + 'static,
    {
        let handler = Single { app, handler, newest, event: PhantomData };
        self.handlers.insert(E::SUBJECT, Arc::new(handler));
    }

    /// Keeps a copy of the aggregates of a family.
    pub fn project<S, A, F>(&mut self, app: Arc<S>, keeper: F)
    where
        S: Send + Sync + 'static,
        A: Aggregate + Send + Sync + 'static,
        F: for<'a> Keeper<'a, S, A> + 'static,
    {
        let (handler, copy) = Projecting { app, keeper, aggregate: PhantomData }.copied();
        for subject in A::SUBJECTS {
            self.handlers.insert(subject, handler.clone());
        }
        self.copies.push(copy);
    }

    pub fn copies(&self) -> &[Copied] {
        &self.copies
    }

    /// Refuses a service that would guard some events of an aggregate and not the others.
    pub fn check(&self) -> Result<(), Fault> {
        let mut guarded: BTreeMap<&str, bool> = BTreeMap::new();
        for (subject, handler) in &self.handlers {
            let (aggregate, _) = subject.rsplit_once('.').unwrap_or((subject, ""));
            let newest = handler.takes_newest();
            if *guarded.entry(aggregate).or_insert(newest) != newest {
                return Err(Fault::internal(format!(
                    "some handlers of {aggregate}.* are given newer events only and others all: \
                     a late event could undo a later one; use `on_newest` for all of them"
                )));
            }
        }
        Ok(())
    }

    pub fn on_batch<A, F>(
        &mut self,
        app: Arc<A>,
        subjects: impl IntoIterator<Item = &'static str>,
        handler: F,
    ) where
        A: Send + Sync + 'static,
        F: for<'a> BatchHandler<'a, A> + 'static,
    {
        let handler: Arc<dyn Handle> = Arc::new(Whole { app, handler });
        for subject in subjects {
            self.handlers.insert(subject, handler.clone());
        }
    }

    pub fn publishers(&self) -> BTreeSet<&'static str> {
        self.handlers.keys().copied().map(crate::streams::publisher).collect()
    }

    pub fn handles(&self, subject: &str) -> bool {
        self.handlers.contains_key(subject)
    }

    /// Whether this binary knows the type, even if it does nothing about it.
    pub fn knows(&self, subject: &str) -> bool {
        self.handles(subject) || contracts::EVENTS.iter().any(|event| event.subject == subject)
    }

    /// Has events handled in the given order; neighbours with the same batch handler go to it together.
    pub async fn handle(
        &self,
        consumers: &Consumers,
        tx: &mut Tx,
        deliveries: &[&Delivery],
    ) -> Result<Vec<Outcome>, Failed> {
        let mut events = Vec::with_capacity(deliveries.len());
        for (position, delivery) in deliveries.iter().enumerate() {
            let found = self.handlers.get_key_value(delivery.subject());
            let (subject, handler) = found.ok_or_else(|| {
                let fault = crate::dead::unknown_type(delivery.subject());
                Failed { fault, culprit: Some(position) }
            })?;
            events.push((*subject, *delivery, handler));
        }
        let together = events.chunk_by(|(_, _, left), (_, _, right)| {
            left.takes_batches() && Arc::ptr_eq(left, right)
        });
        let mut outcomes = Vec::with_capacity(deliveries.len());
        for run in together {
            let Some((_, _, handler)) = run.first() else { continue };
            let run: Vec<_> = run.iter().map(|(subject, event, _)| (*subject, *event)).collect();
            let begun = Instant::now();
            let handled = guarded(handler.as_ref(), consumers, tx, &run).await;
            measure(&run, begun.elapsed(), if handled.is_ok() { "done" } else { "failed" });
            outcomes.extend(handled.map_err(|fault| {
                let culprit = (run.len() == 1).then_some(outcomes.len());
                Failed { fault, culprit }
            })?);
        }
        Ok(outcomes)
    }
}

/// Why events were not handled.
pub(super) struct Failed {
    pub fault: Fault,
    /// Position of the event whose handler failed, where it was by itself.
    pub culprit: Option<usize>,
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self { fault, culprit: None }
    }
}

impl From<Failed> for Fault {
    fn from(failed: Failed) -> Self {
        failed.fault
    }
}

/// How long the handler took. Of events that it took together each counts its share.
fn measure(events: &[(&'static str, &Delivery)], took: Duration, outcome: &'static str) {
    let share = took / u32::try_from(events.len()).unwrap_or(u32::MAX).max(1);
    for (subject, delivery) in events {
        metrics::histogram!(
            "consumer_handler_seconds",
            "consumer" => delivery.consumer.to_string(), "subject" => *subject, "outcome" => outcome,
        )
        .record(share);
    }
}

/// Has events handled under a context of their own. A panic is a bug in one handler and must not take the others down: it
/// is an internal failure of these events.
async fn guarded(
    handler: &dyn Handle,
    consumers: &Consumers,
    tx: &mut Tx,
    events: &[(&'static str, &Delivery)],
) -> Result<Vec<Outcome>, Fault> {
    let context = match events {
        [(_, only)] => only.context(consumers.service()),
        _ => Context::of_service(consumers.service()),
    };
    // The handler's function itself may panic too, not only its future.
    let handled = async { handler.handle(consumers, tx, events).await };
    let handled = context::scope(context, AssertUnwindSafe(handled).catch_unwind()).await;
    let outcomes = handled.unwrap_or_else(|panic| {
        Err(Fault::internal(format!("the handler panicked: {}", text(&*panic))))
    })?;
    if outcomes.len() == events.len() {
        return Ok(outcomes);
    }
    let (got, told) = (outcomes.len(), events.len());
    Err(Fault::internal(format!("the handler has {got} outcomes for {told} events")))
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}
