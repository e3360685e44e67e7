//! Copies of other services' aggregates. Every event of an aggregate carries its whole public state or says that it is gone, so
//! one handler serves them all: it gets the newest state and stores what the service needs of it. The version and digest of each
//! applied state are recorded, which is all that a comparison with the owner needs.

use super::context::{Consumers, Copied, Handle, Outcomes};
use super::delivery::Delivery;
use super::outcome::Outcome;
use contracts::{Aggregate, Observed, Unreadable};
use fault::{Common, Fault, point};
use pg::{Tx, projections};
use prost::Message;
use std::marker::PhantomData;
use std::sync::Arc;

/// An async function that keeps the newest state of an aggregate: `async fn(&App, &mut Tx, Observed<A>) -> Result<Outcome, Fault>`.
/// It does SQL on `tx` and nothing else. Where the state is absent the aggregate is gone, or was never there.
pub trait Keeper<'a, S: 'a, A>:
    Fn(&'a S, &'a mut Tx, Observed<A>) -> Self::Running + Send + Sync
{
    /// The future of the function.
    type Running: Future<Output = Result<Outcome, Fault>> + Send + 'a;
}

impl<'a, S, A, F, Running> Keeper<'a, S, A> for F
where
    S: 'a,
    F: Fn(&'a S, &'a mut Tx, Observed<A>) -> Running + Send + Sync,
    Running: Future<Output = Result<Outcome, Fault>> + Send + 'a,
{
    type Running = Running;
}

/// The handler of all events of a family.
struct Projecting<S, A, F> {
    app: Arc<S>,
    keeper: F,
    aggregate: PhantomData<fn() -> A>,
}

impl<S, A, F> Projecting<S, A, F>
where
    S: Send + Sync + 'static,
    A: Aggregate + Send + Sync + 'static,
    F: for<'a> Keeper<'a, S, A> + 'static,
{
    async fn one(&self, tx: &mut Tx, subject: &str, delivery: &Delivery) -> Result<Outcome, Fault> {
        let observed = A::read(subject, &delivery.payload).map_err(unreadable)?;
        let (key, version) = (observed.key.clone(), observed.version);
        let known = projections::lock(tx, A::FAMILY, &key).await?;
        if version <= known && !point::off("version-guard") {
            return Ok(Outcome::Stale);
        }
        let state = observed.state.as_ref().map(Message::encode_to_vec);
        let outcome = (self.keeper)(&self.app, tx, observed).await?;
        // What is kept for later will come again as the same version.
        if outcome == Outcome::Done {
            let digest = state.map(|state| kernel::digest::sha256(&state));
            projections::record(tx, A::FAMILY, &key, version, digest).await?;
        }
        Ok(outcome)
    }
}

impl<S, A, F> Handle for Projecting<S, A, F>
where
    S: Send + Sync + 'static,
    A: Aggregate + Send + Sync + 'static,
    F: for<'a> Keeper<'a, S, A> + 'static,
{
    fn handle<'a>(
        &'a self,
        _consumers: &'a Consumers,
        tx: &'a mut Tx,
        events: &'a [(&'static str, &'a Delivery)],
    ) -> Outcomes<'a> {
        Box::pin(async move {
            let mut outcomes = Vec::with_capacity(events.len());
            for (subject, delivery) in events {
                outcomes.push(self.one(tx, subject, delivery).await?);
            }
            Ok(outcomes)
        })
    }

    fn takes_newest(&self) -> bool {
        true
    }

    fn remove<'a>(&'a self, tx: &'a mut Tx, key: &'a str) -> Outcomes<'a> {
        let gone = Observed { key: key.to_owned(), version: 0, state: None };
        Box::pin(async move { Ok(vec![(self.keeper)(&self.app, tx, gone).await?]) })
    }
}

impl Consumers {
    /// Keeps a copy of the aggregates of a family, from all their events: `keeper` is called with each newer state. The applied
    /// versions are recorded, so that the copy can be compared with its owner and repaired ([`Consumers::copies`]).
    #[must_use]
    pub fn project<A, S, F>(mut self, app: impl Into<Arc<S>>, keeper: F) -> Self
    where
        A: Aggregate + Send + Sync + 'static,
        S: Send + Sync + 'static,
        F: for<'a> Keeper<'a, S, A> + 'static,
    {
        let projecting = Projecting { app: app.into(), keeper, aggregate: PhantomData };
        let handler: Arc<dyn Handle> = Arc::new(projecting);
        let registry = Arc::make_mut(&mut self.registry);
        for subject in A::SUBJECTS {
            registry.handlers.insert(subject, Arc::clone(&handler));
        }
        registry.copies.push(Copied { family: A::FAMILY, handler });
        self
    }
}

fn unreadable(error: Unreadable) -> Fault {
    match error {
        Unreadable::Invalid(violations) => Fault::invalid(violations),
        other => Fault::new(Common::Undecodable, "the event cannot be decoded").because(other),
    }
}
