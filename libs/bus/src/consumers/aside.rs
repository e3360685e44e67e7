//! Examinations that no message of the broker brings: kept events whose awaited thing came in the company of a suspect, and
//! letters that this binary can read by now ([`super::parked`]).

use super::effect::{self, Effect};
use super::examine::{self, Alone, Examined, alone, examine};
use super::parked::Parked;
use super::{Consumers, Delivery, early, outage};
use chrono::TimeDelta;
use fault::Fault;
use pg::early::Early;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// How often something to examine is looked for, the first time at once. A round that takes longer delays the next one, since
/// nobody else is at work meanwhile.
const TICK: Duration = Duration::from_secs(5);

/// How old a kept event becomes at most that cannot have its effect though what it waited for has come.
const PATIENCE: TimeDelta = TimeDelta::days(2);

/// Failures are the outages of servers, which others report; the next round does it.
pub(super) async fn run(
    consumers: Consumers,
    parked: Arc<AtomicU64>,
    stop: CancellationToken,
) -> Result<(), Fault> {
    let consumers = consumers.careful();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut letters = Parked::default();
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let done = async {
            while next(&consumers, &stop).await? {}
            letters.round(&consumers, &stop).await
        };
        let done: Result<(), Fault> = done.await;
        if let Err(fault) = done {
            tracing::info!("could not examine what was set aside: {}", fault.chain());
        }
        parked.store(letters.parked(), Ordering::Relaxed);
    }
    Ok(())
}

/// Handles the kept event that was set aside first; false where there is none, or not now.
async fn next(consumers: &Consumers, stop: &CancellationToken) -> Result<bool, Fault> {
    let look = consumers.db.read("bus.look_aside", pg::early::next_aside);
    if outage::bounded(consumers, look).await?.is_none() {
        return Ok(false);
    }
    let alone = &alone(consumers).await;
    if stop.is_cancelled() {
        return Ok(false);
    }
    let examined = consumers.db.write("bus.examine_kept", async move |guard| {
        if !examine::only_here(consumers, guard).await? {
            return Ok(false);
        }
        let Some((entry, kept_at)) = pg::early::next_aside(guard).await? else { return Ok(false) };
        let old = guard.now().await? - kept_at > PATIENCE;
        // On the heap: transactions are large, and these are within one.
        Box::pin(kept(consumers, alone, &entry, old, stop)).await
    });
    examine::guarded(consumers, examined).await
}

async fn kept(
    consumers: &Consumers,
    alone: &Alone<'_>,
    entry: &Early,
    old: bool,
    stop: &CancellationToken,
) -> Result<bool, Fault> {
    let delivery = match Delivery::of_early(entry) {
        Ok(delivery) => delivery,
        Err(fault) => return give_up(consumers, entry, &fault, 1).await,
    };
    match examine(consumers, alone, &delivery, apply(consumers, entry), stop).await? {
        Examined::Innocent(_) => {
            consumers.outages.passed(delivery.subject());
            Ok(true)
        }
        Examined::Guilty(known) => {
            give_up(consumers, entry, &examine::guilty(&known), known.failures()).await
        }
        Examined::Failed(fault) if old && !stop.is_cancelled() => {
            give_up(consumers, entry, &fault, 1).await
        }
        // It passes by itself, sooner or later than for the others.
        Examined::Failed(fault) => {
            tracing::info!(id = %entry.event_id, "a kept event waits on: {}", fault.chain());
            let outage = consumers.outages.failed(delivery.subject());
            let pause = TICK.max(outage).max(fault.pause().unwrap_or_default());
            let later = async |tx: &mut pg::Tx| pg::early::put_off(tx, entry, pause).await;
            consumers.db.write("bus.put_off", later).await?;
            Ok(true)
        }
    }
}

async fn apply(consumers: &Consumers, entry: &Early) -> Result<Effect, Fault> {
    let awaited = std::slice::from_ref(&entry.awaited);
    let handled = consumers.db.write("bus.handle_kept", async move |tx| {
        early::lock(tx, awaited).await?;
        if !pg::early::take_one(tx, entry).await? {
            return Ok(Effect::Duplicate);
        }
        early::handle(consumers, tx, vec![entry.clone()], awaited).await?;
        Ok(Effect::Applied)
    });
    effect::in_time(consumers, handled).await
}

/// Leaves it to the sweep to make a dead letter of it.
async fn give_up(
    consumers: &Consumers,
    entry: &Early,
    fault: &Fault,
    attempts: u32,
) -> Result<bool, Fault> {
    let failed = &early::failed(entry, fault, attempts);
    let given_up = consumers.db.write("bus.give_up_kept", async move |tx| {
        if pg::early::take_one(tx, entry).await? {
            early::put_back(tx, failed).await?;
        }
        Ok(true)
    });
    given_up.await
}
