//! Combines reservations that wait for the same SKU.
//!
//! Transactions that hold units of one SKU wait for the lock of its level, one after the other, each for the other's commit. So while one
//! is under way in this process, those that come meanwhile are collected, and the next transaction makes all of them. Where nobody waits
//! each makes its own, so this costs a SKU that few want nothing.

use super::place::place;
use crate::App;
use crate::waiting::{Answer, Waiting, Wish};
use contracts::Rpc;
use fault::{Fault, context};
use kernel::sku::Sku;
use warehouse_api::v1::ReserveRequest;

/// Makes a reservation, alone or with others.
pub async fn reserve(app: &App, wish: &Wish) -> Answer {
    let first = wish.needs.iter().map(|need| &need.sku).min().cloned();
    let Some(sku) = first.filter(|_| app.settings.combine_reservations) else {
        return alone(app, wish).await;
    };
    match app.queues.join(&sku, wish) {
        Some(answered) => match answered.await {
            Ok(answer) => answer,
            // Whose turn it was is gone.
            Err(_) => alone(app, wish).await,
        },
        None => {
            let turn = Turn { app, sku };
            let answer = alone(app, wish).await;
            drop(turn);
            answer
        }
    }
}

/// Somebody reserves a SKU alone. When that ends, or is given up, those who came meanwhile are next.
struct Turn<'a> {
    app: &'a App,
    sku: Sku,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let next = self.app.queues.next(&self.sku);
        if !next.is_empty() {
            let turn = LongTurn { app: self.app.clone(), sku: self.sku.clone(), is_over: false };
            tokio::spawn(serve(turn, next));
        }
    }
}

/// The turn of those who waited.
struct LongTurn {
    app: App,
    sku: Sku,
    is_over: bool,
}

impl Drop for LongTurn {
    fn drop(&mut self) {
        // A panic ends it before its time.
        if !self.is_over {
            self.app.queues.abandon(&self.sku);
        }
    }
}

/// Makes the reservations of those who wait, until nobody does.
async fn serve(mut turn: LongTurn, mut next: Vec<Waiting>) {
    while !next.is_empty() {
        together(&turn.app, next).await;
        next = turn.app.queues.next(&turn.sku);
    }
    turn.is_over = true;
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
    metrics::histogram!("warehouse_combined_reservations")
        .record(u32::try_from(wishes.len()).unwrap_or(u32::MAX));
    app.db.write(ReserveRequest::METHOD, async |tx| place(app, tx, wishes).await).await
}
