//! Copies of other services' aggregates. Every event of an aggregate carries its whole public state or says that it is gone, so
//! one handler serves them all: it gets the newest state and stores what the service needs of it. The version and digest of each
//! applied state are recorded, which is all that a comparison with the owner needs.

use super::context::{Consumers, Copied, Handle, Outcomes};
use super::delivery::Delivery;
use super::outcome::Outcome;
use contracts::{Aggregate, Observed, Unreadable};
use fault::{Common, Fault, point};
use kernel::digest::sha256;
use pg::Tx;
use pg::projections::{self, ProjectionHead};
use std::collections::{BTreeMap, BTreeSet};
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

/// An async function that keeps the newest states of several aggregates at once, in the order of their keys, each key once:
/// `async fn(&App, &mut Tx, Vec<Observed<A>>) -> Result<(), Fault>`. It does as few statements as it can, on `tx` and nothing else.
pub trait BatchKeeper<'a, S: 'a, A>:
    Fn(&'a S, &'a mut Tx, Vec<Observed<A>>) -> Self::Running + Send + Sync
{
    /// The future of the function.
    type Running: Future<Output = Result<(), Fault>> + Send + 'a;
}

impl<'a, S, A, F, Running> BatchKeeper<'a, S, A> for F
where
    S: 'a,
    F: Fn(&'a S, &'a mut Tx, Vec<Observed<A>>) -> Running + Send + Sync,
    Running: Future<Output = Result<(), Fault>> + Send + 'a,
{
    type Running = Running;
}

/// How newer states are kept: one outcome for each, in their order.
trait Keep<A>: Send + Sync {
    fn keep<'a>(&'a self, tx: &'a mut Tx, states: Vec<Observed<A>>) -> Outcomes<'a>;
}

struct OneByOne<S, F> {
    app: Arc<S>,
    keeper: F,
}

impl<S, A, F> Keep<A> for OneByOne<S, F>
where
    S: Send + Sync + 'static,
    A: Aggregate + Send + Sync + 'static,
    F: for<'a> Keeper<'a, S, A> + 'static,
{
    fn keep<'a>(&'a self, tx: &'a mut Tx, states: Vec<Observed<A>>) -> Outcomes<'a> {
        Box::pin(async move {
            let mut outcomes = Vec::with_capacity(states.len());
            for state in states {
                outcomes.push((self.keeper)(&self.app, tx, state).await?);
            }
            Ok(outcomes)
        })
    }
}

struct Together<S, F> {
    app: Arc<S>,
    keeper: F,
}

impl<S, A, F> Keep<A> for Together<S, F>
where
    S: Send + Sync + 'static,
    A: Aggregate + Send + Sync + 'static,
    F: for<'a> BatchKeeper<'a, S, A> + 'static,
{
    fn keep<'a>(&'a self, tx: &'a mut Tx, states: Vec<Observed<A>>) -> Outcomes<'a> {
        Box::pin(async move {
            let outcomes = vec![Outcome::Done; states.len()];
            // Those of a key come in the order of their versions.
            let newest: BTreeMap<String, Observed<A>> =
                states.into_iter().map(|state| (state.key.clone(), state)).collect();
            (self.keeper)(&self.app, tx, newest.into_values().collect()).await?;
            Ok(outcomes)
        })
    }
}

/// The handler of all events of a family.
struct Projecting<A, K> {
    keep: K,
    aggregate: PhantomData<fn() -> A>,
}

impl<A, K> Projecting<A, K>
where
    A: Aggregate + Send + Sync + 'static,
    K: Keep<A> + 'static,
{
    /// Heads are locked and recorded by one statement each, however many events there are.
    async fn all(
        &self,
        tx: &mut Tx,
        events: &[(&'static str, &Delivery)],
    ) -> Result<Vec<Outcome>, Fault> {
        let read = |(subject, delivery): &(&str, &Delivery)| {
            A::read(subject, &delivery.payload).map_err(unreadable)
        };
        let states: Vec<Observed<A>> = events.iter().map(read).collect::<Result<_, _>>()?;
        let keys: BTreeSet<&str> = states.iter().map(|state| &*state.key).collect();
        let mut known = projections::lock_all(tx, A::FAMILY, &keys).await?;
        let mut outcomes = vec![Outcome::Stale; states.len()];
        let (mut positions, mut heads, mut newer) = (Vec::new(), Vec::new(), Vec::new());
        for (position, state) in states.into_iter().enumerate() {
            let version = known.entry(state.key.clone()).or_default();
            if state.version <= *version && !point::off("version-guard") {
                continue;
            }
            *version = state.version;
            let digest = state.state.as_ref().map(|own| sha256(&own.encode_to_vec()).to_vec());
            let (key, version) = (state.key.clone(), state.version);
            heads.push(ProjectionHead { key, version, digest });
            positions.push(position);
            newer.push(state);
        }
        if newer.is_empty() {
            return Ok(outcomes);
        }
        let kept = self.keep.keep(tx, newer).await?;
        // What is kept for later will come again as the same version.
        let mut done: BTreeMap<String, ProjectionHead> = BTreeMap::new();
        for ((position, head), outcome) in positions.into_iter().zip(heads).zip(kept) {
            if outcome == Outcome::Done {
                done.insert(head.key.clone(), head);
            }
            outcomes[position] = outcome;
        }
        projections::record_all(tx, A::FAMILY, done.into_values()).await?;
        Ok(outcomes)
    }
}

impl<A, K> Handle for Projecting<A, K>
where
    A: Aggregate + Send + Sync + 'static,
    K: Keep<A> + 'static,
{
    fn handle<'a>(
        &'a self,
        _consumers: &'a Consumers,
        tx: &'a mut Tx,
        events: &'a [(&'static str, &'a Delivery)],
    ) -> Outcomes<'a> {
        Box::pin(self.all(tx, events))
    }

    fn takes_batches(&self) -> bool {
        true
    }

    fn takes_newest(&self) -> bool {
        true
    }

    fn remove<'a>(&'a self, tx: &'a mut Tx, key: &'a str) -> Outcomes<'a> {
        let gone = Observed { key: key.to_owned(), version: 0, state: None };
        self.keep.keep(tx, vec![gone])
    }
}

impl Consumers {
    /// Keeps a copy of the aggregates of a family, from all their events: `keeper` is called with each newer state. The applied
    /// versions are recorded, so that the copy can be compared with its owner and repaired ([`Consumers::copies`]).
    #[must_use]
    pub fn project<A, S, F>(self, app: impl Into<Arc<S>>, keeper: F) -> Self
    where
        A: Aggregate + Send + Sync + 'static,
        S: Send + Sync + 'static,
        F: for<'a> Keeper<'a, S, A> + 'static,
    {
        self.keep_by::<A, _>(OneByOne { app: app.into(), keeper })
    }

    /// The same for a copy that is kept by few statements for many aggregates: `keeper` is called with the newest states of all
    /// whose events share a transaction.
    #[must_use]
    pub fn project_batch<A, S, F>(self, app: impl Into<Arc<S>>, keeper: F) -> Self
    where
        A: Aggregate + Send + Sync + 'static,
        S: Send + Sync + 'static,
        F: for<'a> BatchKeeper<'a, S, A> + 'static,
    {
        self.keep_by::<A, _>(Together { app: app.into(), keeper })
    }

    fn keep_by<A, K>(mut self, keep: K) -> Self
    where
        A: Aggregate + Send + Sync + 'static,
        K: Keep<A> + 'static,
    {
        let projecting = Projecting::<A, K> { keep, aggregate: PhantomData };
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
