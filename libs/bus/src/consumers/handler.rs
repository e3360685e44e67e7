//! What a service provides: async functions that take an event, or a batch of events.

use super::context::Consumers;
use super::early;
use super::outcome::Outcome;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use fault::Fault;
use pg::Tx;
use uuid::Uuid;

/// An event as its handler gets it.
#[derive(Clone)]
pub struct Received<E> {
    /// Id of the event.
    pub id: Uuid,
    /// The event, which keeps the rules of the contract.
    pub event: E,
    /// When the change was made that it reports, by the publisher's database.
    pub at: DateTime<Utc>,
    pub(super) consumers: Consumers,
}

impl<E> Received<E> {
    /// Applies the events that waited for something which this transaction has just created; returns how many were
    /// taken. They go to the handlers of this service in the order in which they arrived, from all publishers.
    pub async fn apply_early(&self, tx: &mut Tx, awaited: &str) -> Result<usize, Fault> {
        early::apply(&self.consumers, tx, &[awaited.to_owned()]).await
    }
}

impl<E> std::ops::Deref for Received<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.event
    }
}

/// Several events for one handler, key by key, those of a key in the order in which they came.
#[derive(Clone)]
pub struct Batch {
    /// The events.
    pub events: Vec<Arrived>,
    pub(super) consumers: Consumers,
}

/// An event of a batch. Unlike [`Received`] it is not decoded and not checked yet.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// Id of the event.
    pub id: Uuid,
    /// Subject that it was published under.
    pub subject: &'static str,
    /// The encoded event.
    pub payload: Bytes,
    /// When the change was made that it reports, by the publisher's database.
    pub at: DateTime<Utc>,
}

impl Batch {
    /// Applies the events that waited for any of several things which this transaction has just created; see
    /// [`Received::apply_early`].
    pub async fn apply_early(&self, tx: &mut Tx, awaited: &[String]) -> Result<usize, Fault> {
        early::apply(&self.consumers, tx, awaited).await
    }
}

/// An async function that handles events: `async fn(&App, &mut Tx, Received<E>) -> Result<Outcome, Fault>`. Every such
/// function is one; the trait says that its future can move between threads, which bounds cannot say of functions.
pub trait Handler<'a, A: 'a, E>:
    Fn(&'a A, &'a mut Tx, Received<E>) -> Self::Running + Send + Sync
{
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

/// An async function that handles batches: `async fn(&App, &mut Tx, Batch) -> Result<Vec<Outcome>, Fault>`, with one
/// outcome for each event, in the same order.
pub trait BatchHandler<'a, A: 'a>:
    Fn(&'a A, &'a mut Tx, Batch) -> Self::Running + Send + Sync
{
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
