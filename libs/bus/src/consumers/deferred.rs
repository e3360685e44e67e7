//! Isolated runs that are not started by a message: of kept events that were deferred because what they waited for was created in isolation,
//! and of parked dead letters that this binary can handle ([`super::parked`]).

use super::context::Consumers;
use super::delivery::Delivery;
use super::isolated::{self, Exclusive, Isolated, exclusive};
use super::outcome::Effect;
use super::parked::Parked;
use super::{early, effect, outage};
use chrono::TimeDelta;
use fault::Fault;
use pg::early::Early;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// How often deferred events are looked for, the first time at once. A round that takes longer delays the next one, since
/// nothing else is handled meanwhile.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Rounds between two looks for parked dead letters: once a minute.
const PARKED_ROUNDS: u32 = 12;

/// How old a kept event becomes at most that has no effect although what it waited for exists.
const MAX_AGE: TimeDelta = TimeDelta::days(2);

/// A failure is the outage of a server, which is reported elsewhere; the next round tries again.
pub(super) async fn run(
    consumers: Consumers,
    parked: Arc<AtomicU64>,
    stop: CancellationToken,
) -> Result<(), Fault> {
    let consumers = consumers.deferring_kept();
    let mut ticks = tokio::time::interval(POLL_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut parked_dead_letters = Parked::default();
    let mut round = 0_u32;
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let done = async {
            while run_next(&consumers, &stop).await? {}
            if round.is_multiple_of(PARKED_ROUNDS) {
                parked_dead_letters.look(&consumers, &stop).await?;
            }
            parked_dead_letters.replay_due(&consumers, &stop).await
        };
        let done: Result<(), Fault> = done.await;
        if let Err(fault) = done {
            tracing::info!("could not run what was deferred: {}", fault.chain());
        }
        round = round.wrapping_add(1);
        parked.store(parked_dead_letters.count(), Ordering::Relaxed);
    }
    Ok(())
}

/// Runs the kept event that was deferred first; false where there is none, or not now.
async fn run_next(consumers: &Consumers, stop: &CancellationToken) -> Result<bool, Fault> {
    if !outage::bounded(consumers, consumers.db.due()).await?.deferred {
        return Ok(false);
    }
    let found = consumers.db.read("bus.next_deferred", pg::early::next_deferred);
    if outage::bounded(consumers, found).await?.is_none() {
        return Ok(false);
    }
    let exclusive = &exclusive(consumers).await;
    if stop.is_cancelled() {
        return Ok(false);
    }
    let run = consumers.db.write("bus.isolate_deferred", async move |guard| {
        if !isolated::try_lock(consumers, guard).await? {
            return Ok(false);
        }
        let Some((entry, kept_at)) = pg::early::next_deferred(guard).await? else {
            return Ok(false);
        };
        let old = guard.now().await? - kept_at > MAX_AGE;
        // On the heap: transactions are large, and these are within one.
        Box::pin(run_kept(consumers, exclusive, &entry, old, stop)).await
    });
    isolated::bounded(consumers, run).await
}

async fn run_kept(
    consumers: &Consumers,
    exclusive: &Exclusive<'_>,
    entry: &Early,
    old: bool,
    stop: &CancellationToken,
) -> Result<bool, Fault> {
    let delivery = match Delivery::of_early(entry) {
        Ok(delivery) => delivery,
        Err(fault) => return give_up(consumers, entry, &fault, 1).await,
    };
    let work = apply(consumers, entry);
    match isolated::run(consumers, exclusive, &delivery, work, stop).await? {
        Isolated::Committed(_) => {
            consumers.outages.ended(delivery.subject());
            Ok(true)
        }
        Isolated::Poison(known) => {
            give_up(consumers, entry, &isolated::poison_fault(&known), known.failures()).await
        }
        Isolated::Failed(fault) if old && !stop.is_cancelled() => {
            give_up(consumers, entry, &fault, 1).await
        }
        // It is tried again, later than the others.
        Isolated::Failed(fault) => {
            tracing::info!(id = %entry.event_id, "a kept event waits on: {}", fault.chain());
            let outage = consumers.outages.failed(delivery.subject());
            let pause = POLL_INTERVAL.max(outage).max(fault.pause().unwrap_or_default());
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
    let given_up = consumers.db.write("bus.give_up_deferred", async move |tx| {
        if pg::early::take_one(tx, entry).await? {
            early::put_back(tx, failed).await?;
        }
        Ok(true)
    });
    given_up.await
}
