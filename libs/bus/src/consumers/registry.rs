//! Registers handlers of many types by subject.

use super::context::{Consumers, Handle, Outcomes, Registry};
use super::delivery::Delivery;
use super::handler::{Arrived, Batch, BatchHandler, Handler, Received};
use super::outcome::Outcome;
use crate::envelope::Envelope;
use contracts::Event;
use fault::{Common, Fault, point};
use pg::{Tx, versions};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

struct PerEvent<A, E, F> {
    app: Arc<A>,
    handler: F,
    /// Whether it is given only what is newer than all that it was given before.
    newest: bool,
    event: PhantomData<fn() -> E>,
}

impl<A, E, F> Handle for PerEvent<A, E, F>
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

impl<A, E, F> PerEvent<A, E, F>
where
    A: Send + Sync + 'static,
    F: for<'a> Handler<'a, A, E> + 'static,
{
    /// An event that is kept for later leaves the version as it was: it will come again with the same one.
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

struct PerBatch<A, F> {
    app: Arc<A>,
    handler: F,
}

impl<A, F> Handle for PerBatch<A, F>
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

impl Consumers {
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
    /// for projections. The check, the effect and the new version are one transaction, under a lock of the aggregate. All
    /// events of an aggregate are handled this way or none, its deletion above all: else a late event could bring it back.
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

    /// Handles the events of `subjects` together, as many as share a transaction: for a service that merges many events into
    /// few writes. Where it fails it is given them in halves, down to the one that fails.
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
}

impl Registry {
    /// `newest`: it is given only what is newer than all that it was given before.
    pub fn on<E, A, F>(&mut self, app: Arc<A>, handler: F, newest: bool)
    where
        E: Event + Send + Sync + 'static,
        A: Send + Sync + 'static,
        F: for<'a> Handler<'a, A, E> + 'static,
    {
        let handler = PerEvent { app, handler, newest, event: PhantomData };
        self.handlers.insert(E::SUBJECT, Arc::new(handler));
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
        let handler: Arc<dyn Handle> = Arc::new(PerBatch { app, handler });
        for subject in subjects {
            self.handlers.insert(subject, handler.clone());
        }
    }
}
