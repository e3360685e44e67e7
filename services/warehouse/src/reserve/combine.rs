//! Combines reservations that wait for the same SKU.
//!
//! Transactions that hold units of one SKU wait for the lock of its level, one after the other, each for the other's commit. So while one
//! is under way in this process, those that come meanwhile are collected, and the next transaction makes all of them, up to
//! [`MAX_COMBINED`]. Where nobody waits each makes its own, so this costs a SKU that few want nothing.

use super::place::{Wish, place};
use crate::App;
use contracts::Rpc;
use fault::{Fault, context};
use kernel::sku::Sku;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;
use warehouse_api::v1::{ReserveRequest, ReserveResponse};

/// Most reservations of one transaction.
const MAX_COMBINED: usize = 64;

type Answer = Result<ReserveResponse, Fault>;

/// Who waits for which SKU. A SKU that is in it is being reserved by somebody of this process.
#[derive(Default)]
pub struct Combiner {
    waiting: Mutex<HashMap<Sku, Vec<Waiting>>>,
}

struct Waiting {
    wish: Wish,
    context: Arc<context::Context>,
    answer: oneshot::Sender<Answer>,
}

impl Combiner {
    /// Makes a reservation, alone or with others.
    pub async fn reserve(app: &App, wish: Wish) -> Answer {
        let first = wish.needs.iter().map(|need| &need.sku).min().cloned();
        let Some(sku) = first.filter(|_| app.settings.combine_reservations) else {
            return alone(app, &wish).await;
        };
        let (own, answer) = {
            let mut waiting = app.combiner.lock();
            match waiting.get_mut(&sku) {
                None => {
                    waiting.insert(sku.clone(), Vec::new());
                    (Some(Turn { app, sku }), None)
                }
                Some(others) => {
                    let (sender, answer) = oneshot::channel();
                    let context = context::current();
                    others.push(Waiting { wish: wish.clone(), context, answer: sender });
                    (None, Some(answer))
                }
            }
        };
        match answer {
            Some(answer) => match answer.await {
                Ok(answer) => answer,
                // Who was to make it is gone.
                Err(_) => alone(app, &wish).await,
            },
            None => {
                let answer = alone(app, &wish).await;
                drop(own);
                answer
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Sku, Vec<Waiting>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next of those who wait for a SKU and are still there; where there are none, it is nobody's any more.
    fn next(&self, sku: &Sku) -> Vec<Waiting> {
        let mut all = self.lock();
        let Some(waiting) = all.get_mut(sku) else { return Vec::new() };
        waiting.retain(|own| !own.answer.is_closed());
        let next: Vec<Waiting> = waiting.drain(..waiting.len().min(MAX_COMBINED)).collect();
        if next.is_empty() {
            all.remove(sku);
        }
        next
    }
}

/// Somebody reserves a SKU alone. When that ends, or is given up, those who came meanwhile are next.
struct Turn<'a> {
    app: &'a App,
    sku: Sku,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let next = self.app.combiner.next(&self.sku);
        if !next.is_empty() {
            let last = Last { app: self.app.clone(), sku: self.sku.clone(), is_done: false };
            tokio::spawn(serve(last, next));
        }
    }
}

/// Makes the reservations of those who wait, until nobody does.
async fn serve(mut turn: Last, mut next: Vec<Waiting>) {
    while !next.is_empty() {
        together(&turn.app, next).await;
        next = turn.app.combiner.next(&turn.sku);
    }
    turn.is_done = true;
}

/// Where serving ends before its time, by a panic, nobody waits for it any longer.
struct Last {
    app: App,
    sku: Sku,
    is_done: bool,
}

impl Drop for Last {
    fn drop(&mut self) {
        if !self.is_done {
            self.app.combiner.lock().remove(&self.sku);
        }
    }
}

async fn together(app: &App, waiting: Vec<Waiting>) {
    let wishes: Vec<&Wish> = waiting.iter().map(|own| &own.wish).collect();
    let answers = match waiting.first() {
        Some(first) => context::scope(of_all(first, &waiting), write(app, &wishes)).await,
        None => Ok(Vec::new()),
    };
    match answers {
        Ok(answers) => {
            for (own, answer) in waiting.into_iter().zip(answers) {
                let _ = own.answer.send(answer);
            }
        }
        // One answer cannot be given to all: each is told why by its own.
        Err(_) => {
            for own in waiting.into_iter().filter(|own| !own.answer.is_closed()) {
                let context = context::Context::clone(&own.context);
                let answer = context::scope(context, alone(app, &own.wish)).await;
                let _ = own.answer.send(answer);
            }
        }
    }
}

/// The context of all: that of the first, for as long as anyone has time.
fn of_all(first: &Waiting, all: &[Waiting]) -> context::Context {
    let endless = all.iter().any(|own| own.context.deadline.is_none());
    let last = all.iter().filter_map(|own| own.context.deadline).max();
    context::Context {
        deadline: last.filter(|_| !endless),
        ..context::Context::clone(&first.context)
    }
}

async fn alone(app: &App, wish: &Wish) -> Answer {
    let mut answers = write(app, &[wish]).await?;
    answers.pop().unwrap_or_else(|| Err(Fault::internal("a reservation was not answered")))
}

async fn write(app: &App, wishes: &[&Wish]) -> Result<Vec<Answer>, Fault> {
    metrics::histogram!("warehouse_combined_reservations").record(u32::try_from(wishes.len()).unwrap_or(u32::MAX));
    app.db.write(ReserveRequest::METHOD, async |tx| place(app, tx, wishes).await).await
}
