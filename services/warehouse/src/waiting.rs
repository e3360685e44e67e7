//! Reservations that are wished, and who waits for which SKU.

use crate::domain::allocation::{Context, Need};
use fault::{Fault, context};
use kernel::sku::Sku;
use pg::replay;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use warehouse_api::v1::ReserveResponse;

/// Most reservations of one transaction.
const MAX_COMBINED: usize = 64;

/// What a wish is answered.
pub type Answer = Result<ReserveResponse, Fault>;

/// A reservation that somebody wishes.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Whose it is.
    pub owner_id: String,
    /// What is wanted, each SKU and warehouse once.
    pub needs: Vec<Need>,
    /// Where the units go to.
    pub context: Context,
    /// How long they are held; none: as the SKUs or the settings say.
    pub hold_seconds: Option<i64>,
    /// What makes its repetition safe.
    pub key: Option<replay::Key>,
    /// Who wishes it.
    pub actor: String,
}

/// A wish that waits for others.
pub struct Waiting {
    /// The wish.
    pub wish: Wish,
    /// The context of its call.
    pub context: Arc<context::Context>,
    /// Where its answer goes.
    pub answer: oneshot::Sender<Answer>,
}

/// Who waits for which SKU. A SKU that is in it is being reserved by somebody of this process.
#[derive(Default)]
pub struct Queues {
    waiting: Mutex<HashMap<Sku, Vec<Waiting>>>,
}

impl Queues {
    /// Joins those who wait for a SKU; none: nobody reserves it, so it is the caller's turn, who is to call [`Queues::next`] at its end.
    pub fn join(&self, sku: &Sku, wish: &Wish) -> Option<oneshot::Receiver<Answer>> {
        let mut all = self.lock();
        let Some(others) = all.get_mut(sku) else {
            all.insert(sku.clone(), Vec::new());
            return None;
        };
        let (answer, answered) = oneshot::channel();
        others.push(Waiting { wish: wish.clone(), context: context::current(), answer });
        Some(answered)
    }

    /// The next of those who wait for a SKU and are still there; where there are none, it is nobody's turn any more.
    pub fn next(&self, sku: &Sku) -> Vec<Waiting> {
        let mut all = self.lock();
        let Some(waiting) = all.get_mut(sku) else { return Vec::new() };
        waiting.retain(|own| !own.answer.is_closed());
        let next: Vec<Waiting> = waiting.drain(..waiting.len().min(MAX_COMBINED)).collect();
        if next.is_empty() {
            all.remove(sku);
        }
        next
    }

    /// Gives up a turn: those who wait are told so by the end of their channels.
    pub fn abandon(&self, sku: &Sku) {
        self.lock().remove(sku);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Sku, Vec<Waiting>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
