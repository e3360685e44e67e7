//! Handles one event with nothing else in flight in the whole process, after a committed start: a process that dies then has
//! died of this event.

use super::attempts::{self, Attempts, Begun};
use super::effect::Effect;
use super::{Consumers, Delivery, ENDING, outage};
use crate::dead::Reason;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use fault::{Fault, Kind, point};
use pg::{Tx, statement};
use std::time::Duration;
use tokio::sync::RwLockWriteGuard;
use tokio_util::sync::CancellationToken;

pub(super) enum Examined {
    /// The process lives, and what it did is committed.
    Innocent(Effect),
    /// The process lives, but there is no effect.
    Failed(Fault),
    /// It failed, or was the end of a process, too often.
    Guilty(Attempts),
}

/// Nothing else is in flight as long as this is held.
pub(super) type Alone<'a> = RwLockWriteGuard<'a, ()>;

/// Waits until nothing else is in flight.
pub(super) async fn alone(consumers: &Consumers) -> Alone<'_> {
    consumers.bus.in_flight().write().await
}

/// Longest examination: the time of a handler, and what it takes to write down its start and its end. Everybody who shares the
/// broker's connection waits for it, other services of this process too.
fn longest(consumers: &Consumers) -> Duration {
    consumers.tuning.handling + Duration::from_secs(30)
}

/// Has an event handled by `work`. An error says that its start or its end could not be written down.
pub(super) fn examine(
    consumers: &Consumers,
    _alone: &Alone<'_>,
    delivery: &Delivery,
    work: impl Future<Output = Result<Effect, Fault>>,
    stop: &CancellationToken,
) -> impl Future<Output = Result<Examined, Fault>> {
    let examined = from_start_to_end(consumers, delivery, work, stop);
    outage::within(consumers, longest(consumers), "the event was not examined", examined)
}

async fn from_start_to_end(
    consumers: &Consumers,
    delivery: &Delivery,
    work: impl Future<Output = Result<Effect, Fault>>,
    stop: &CancellationToken,
) -> Result<Examined, Fault> {
    point::reached("suspect.start").await?;
    match attempts::begin(consumers, delivery).await? {
        Begun::Had => return Ok(Examined::Innocent(Effect::Duplicate)),
        Begun::Enough(known) => return Ok(Examined::Guilty(known)),
        Begun::New => point::reached("suspect.started").await?,
    }
    // A process that ends does not wait for long. What was begun is rolled back, and it lives to say so: that is no death.
    let handled = tokio::select! {
        handled = work => handled,
        () = ending(stop) => Err(Fault::unavailable("this process", "it ends")),
    };
    point::reached("suspect.handled").await?;
    finish(consumers, delivery, stop).await;
    point::reached("suspect.finished").await?;
    Ok(match handled {
        Ok(effect) => Examined::Innocent(effect),
        Err(fault) => Examined::Failed(fault),
    })
}

async fn ending(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(ENDING).await;
}

/// An outage must not be taken for the death of the process, so its end is waited for. Whoever stops meanwhile leaves it as one
/// death of three: better than to die on and on.
async fn finish(consumers: &Consumers, delivery: &Delivery, stop: &CancellationToken) {
    while let Err(fault) = attempts::finish(consumers, delivery).await {
        let passes = matches!(fault.kind(), Kind::Unavailable | Kind::TimedOut);
        if !passes || !outage::wait(consumers, stop).await {
            tracing::info!("the end of an attempt was not written down: {}", fault.chain());
            return;
        }
    }
}

/// Why an event is a dead letter that was tried too often: by what happened last.
pub(super) fn guilty(known: &Attempts) -> Fault {
    let times = known.failures();
    match &known.last_error {
        Some(error) => Fault::internal(format!("tried {times} times, the last time: {error}")),
        None => Fault::new(
            Reason::KillsTheProcess,
            format!("tried {times} times, the last time the process died of this event alone"),
        ),
    }
}

/// Locks, until the end of the transaction, examinations that no message of the broker brings; false where another process of
/// the service is at them. Two that begin the same one would each take the other's start for a death. Nothing else is done in
/// that transaction, so it is granted the time that an examination may take; the caller is [`alone`] before, since waiting for
/// that can take longer.
pub(super) async fn only_here(consumers: &Consumers, guard: &mut Tx) -> Result<bool, Fault> {
    let idle = longest(consumers).as_millis();
    let idle = format!("set local idle_in_transaction_session_timeout = '{idle}ms'");
    guard.conn().batch_execute(&idle).await?;
    #[derive(QueryableByName)]
    struct Answer {
        #[diesel(sql_type = Bool)]
        locked: bool,
    }
    let answer: Answer = statement(
        "select pg_try_advisory_xact_lock(hashtextextended('souk.examine', 0)) as locked",
    )
    .get_result(guard.conn())
    .await?;
    Ok(answer.locked)
}

/// Does `work` in the transaction that holds that lock. Its connection may lead nowhere before there is anything to examine.
pub(super) fn guarded<T>(
    consumers: &Consumers,
    work: impl Future<Output = Result<T, Fault>>,
) -> impl Future<Output = Result<T, Fault>> {
    let limit = longest(consumers) + Duration::from_secs(10);
    outage::within(consumers, limit, "nothing was examined", work)
}
