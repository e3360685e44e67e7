//! Transactions: the claim of the event's id, its effect, and kept events, committed together or not at all.

use super::context::Consumers;
use super::delivery::Delivery;
use super::dispatch::Failed;
use super::outcome::{Effect, Outcome, Waiting};
use super::{early, outage};
use diesel::prelude::*;
use diesel::sql_types::{Array, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::{Common, Fault, point};
use pg::{Tx, inbox, statement};
use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Instant;
use uuid::Uuid;

/// Handles one event in a transaction of its own.
pub(super) async fn single(consumers: &Consumers, delivery: &Delivery) -> Result<Effect, Fault> {
    let handled = consumers
        .db
        .write("bus.handle", async move |tx| claim_and_handle_one(consumers, tx, delivery).await);
    in_time(consumers, handled).await
}

/// The same for a dead letter. It may have been made of a kept entry that is not yet removed; entry and claim are removed
/// together, so after this check a claim that is found is that of an event which had its effect.
pub(super) async fn dead_letter(
    consumers: &Consumers,
    delivery: &Delivery,
) -> Result<Effect, Fault> {
    let handled = consumers.db.write("bus.handle_dead_letter", async move |tx| {
        if pg::early::waits(tx, &delivery.consumer, delivery.id()).await? {
            let message = "the event is being moved to the dead letters";
            return Err(Fault::new(Common::Contended, message));
        }
        claim_and_handle_one(consumers, tx, delivery).await
    });
    in_time(consumers, handled).await
}

/// Within the time that one event has.
pub(super) fn in_time(
    consumers: &Consumers,
    handled: impl Future<Output = Result<Effect, Fault>>,
) -> impl Future<Output = Result<Effect, Fault>> {
    outage::within(consumers, consumers.tuning.handling, "the event was not handled", handled)
}

async fn claim_and_handle_one(
    consumers: &Consumers,
    tx: &mut Tx,
    delivery: &Delivery,
) -> Result<Effect, Fault> {
    point::reached("consumer.alone").await?;
    let started = Instant::now();
    let claimed = inbox::claim(tx, &delivery.consumer, delivery.id(), delivery.subject()).await?;
    measure_claims(consumers, started);
    if !claimed {
        return Ok(Effect::Duplicate);
    }
    point::reached("consumer.alone.claimed").await?;
    let effects = handle_all(consumers, tx, &[delivery]).await?;
    Ok(effects.into_iter().next().unwrap_or(Effect::Applied))
}

/// Why several events together had no effect.
pub(super) enum NotTogether {
    /// Because of one of them, or of how they affect each other: some may succeed without the others. With the position of the
    /// one whose handler failed, where that is known.
    Split(Option<usize>),
    /// It took too long.
    TimedOut,
    /// The database could not be used.
    Unavailable(Fault),
}

/// Handles several events in one transaction, those of a key in the given order.
pub(super) async fn together(
    consumers: &Consumers,
    deliveries: &[&Delivery],
) -> Result<Vec<Effect>, NotTogether> {
    // `write` would repeat a contended transaction as a whole; taking fewer events at once is better, so it is
    // given another fault, and the real one is kept here.
    let failed: Mutex<Option<Failed>> = Mutex::new(None);
    let failed = &failed;
    let handled = consumers.db.write("bus.handle_together", async move |tx| {
        claim_and_handle(consumers, tx, deliveries).await.map_err(|why| {
            if let Ok(mut failed) = failed.lock() {
                *failed = Some(why);
            }
            split()
        })
    });
    let limit = consumers.tuning.handling;
    match tokio::time::timeout(limit, handled).await {
        Ok(Ok(effects)) => Ok(effects),
        Err(_) => {
            consumers.db.renew();
            Err(NotTogether::TimedOut)
        }
        Ok(Err(fault)) => {
            let failed = failed.lock().ok().and_then(|mut failed| failed.take());
            let Failed { fault, culprit } = failed.unwrap_or_else(|| Failed::from(fault));
            if fault.kind() == fault::Kind::Unavailable {
                Err(NotTogether::Unavailable(fault))
            } else {
                Err(NotTogether::Split(culprit))
            }
        }
    }
}

fn split() -> Fault {
    Fault::new(Common::ConcurrentModification, "events of a shared transaction are taken apart")
}

async fn claim_and_handle(
    consumers: &Consumers,
    tx: &mut Tx,
    deliveries: &[&Delivery],
) -> Result<Vec<Effect>, Failed> {
    let mut claimed = claim_all(consumers, tx, deliveries).await?;
    let mut effects = vec![Effect::Duplicate; deliveries.len()];
    // An id may be there twice; its first message is the event.
    let mut fresh: Vec<usize> = (0..deliveries.len())
        .filter(|&position| {
            let delivery = deliveries[position];
            claimed.remove(&(delivery.consumer.to_string(), delivery.id()))
        })
        .collect();
    // Key by key, in the same order in every process: else two of them would deadlock over the rows that they write.
    fresh.sort_by_key(|&position| &deliveries[position].envelope.key);
    let events: Vec<&Delivery> = fresh.iter().map(|&position| deliveries[position]).collect();
    let handled = handle_all(consumers, tx, &events).await.map_err(|failed| {
        let culprit = failed.culprit.and_then(|culprit| fresh.get(culprit).copied());
        // A handler ran, so the database was available whatever the handler lacked.
        Failed { fault: split(), culprit }
    })?;
    for (position, effect) in fresh.into_iter().zip(handled) {
        effects[position] = effect;
    }
    Ok(effects)
}

/// Handles claimed events, and keeps those that are too early.
async fn handle_all(
    consumers: &Consumers,
    tx: &mut Tx,
    deliveries: &[&Delivery],
) -> Result<Vec<Effect>, Failed> {
    let outcomes = consumers.registry.handle(consumers, tx, deliveries).await?;
    let mut effects = vec![Effect::Applied; deliveries.len()];
    let mut waiting = Vec::new();
    for (position, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            Outcome::Done => {}
            Outcome::Stale => effects[position] = Effect::Stale,
            Outcome::Early { awaits } => waiting.push(Waiting { awaits, position }),
        }
    }
    early::keep_or_apply(consumers, tx, deliveries, waiting, &mut effects).await?;
    point::reached("consumer.handled").await?;
    Ok(effects)
}

#[derive(QueryableByName)]
struct Claimed {
    #[diesel(sql_type = Text)]
    consumer: String,
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
}

/// Measures the claims.
fn measure_claims(consumers: &Consumers, started: Instant) {
    metrics::histogram!("consumer_dedupe_seconds", "service" => consumers.service())
        .record(started.elapsed());
}

/// Claims all in one statement, in one order for all workers; returns what was not claimed before.
async fn claim_all(
    consumers: &Consumers,
    tx: &mut Tx,
    deliveries: &[&Delivery],
) -> Result<HashSet<(String, Uuid)>, Fault> {
    point::reached("consumer.begun").await?;
    let started = Instant::now();
    let names: Vec<&str> = deliveries.iter().map(|delivery| &*delivery.consumer).collect();
    let ids: Vec<Uuid> = deliveries.iter().map(|delivery| delivery.id()).collect();
    let subjects: Vec<&str> = deliveries.iter().map(|delivery| delivery.subject()).collect();
    let claimed: Vec<Claimed> = statement(
        "insert into inbox (consumer, event_id, subject)
         select consumer, event_id, subject from unnest($1, $2, $3) as come (consumer, event_id, subject)
         order by event_id, consumer
         on conflict do nothing
         returning consumer, event_id",
    )
    .bind::<Array<Text>, _>(names)
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Text>, _>(subjects)
    .get_results(tx.conn())
    .await?;
    measure_claims(consumers, started);
    point::reached("consumer.claimed").await?;
    if point::off("inbox") {
        return Ok(deliveries.iter().map(|one| (one.consumer.to_string(), one.id())).collect());
    }
    Ok(claimed.into_iter().map(|row| (row.consumer, row.event_id)).collect())
}
