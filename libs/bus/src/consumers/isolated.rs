//! Runs one event in isolation: with nothing else of its service in flight in this process, and no event of another service in
//! isolation, after a committed start. If the process dies then, this event counts as what killed it.

use super::attempts::{self, Attempts, Start};
use super::context::Consumers;
use super::delivery::Delivery;
use super::outage;
use super::outcome::Effect;
use super::settings::SHUTDOWN_GRACE;
use crate::dead::Reason;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use fault::{Fault, Kind, point};
use pg::{Tx, statement};
use std::time::Duration;
use tokio::sync::{MutexGuard, RwLockWriteGuard};
use tokio_util::sync::CancellationToken;

/// The outcome of an event that ran in isolation.
pub(super) enum Isolated {
    /// The process survived it, and its effect is committed.
    Committed(Effect),
    /// The process survived it, but there is no effect.
    Failed(Fault),
    /// It failed, or killed the process, too often.
    Poison(Attempts),
}

/// As long as this guard exists nothing else of the service is in flight in this process.
pub(super) struct Exclusive<'a> {
    _turn: MutexGuard<'a, ()>,
    _alone: RwLockWriteGuard<'a, ()>,
}

/// Waits for the service's turn, and until nothing else of it is in flight in this process.
pub(super) async fn exclusive(consumers: &Consumers) -> Exclusive<'_> {
    let turn = consumers.bus.isolation_turn().lock().await;
    Exclusive { _turn: turn, _alone: consumers.in_flight.write().await }
}

/// Longest time of an isolated run: that of a handler, and of committing its start and its end. The other events of the service wait
/// for it.
fn max_run(consumers: &Consumers) -> Duration {
    consumers.tuning.handling + Duration::from_secs(30)
}

/// Runs `work`, which handles an event. An error: its start or its end could not be committed.
pub(super) fn run(
    consumers: &Consumers,
    _exclusive: &Exclusive<'_>,
    delivery: &Delivery,
    work: impl Future<Output = Result<Effect, Fault>>,
    stop: &CancellationToken,
) -> impl Future<Output = Result<Isolated, Fault>> {
    let run = from_start_to_end(consumers, delivery, work, stop);
    outage::within(consumers, max_run(consumers), "the event did not run in isolation", run)
}

async fn from_start_to_end(
    consumers: &Consumers,
    delivery: &Delivery,
    work: impl Future<Output = Result<Effect, Fault>>,
    stop: &CancellationToken,
) -> Result<Isolated, Fault> {
    point::reached("isolated.start").await?;
    match attempts::start(consumers, delivery).await? {
        Start::Duplicate => return Ok(Isolated::Committed(Effect::Duplicate)),
        Start::Exhausted(known) => return Ok(Isolated::Poison(known)),
        Start::New => point::reached("isolated.started").await?,
    }
    // A process that shuts down does not wait for long. What was begun is rolled back and its end committed, so it does not count
    // as a crash of the process.
    let handled = tokio::select! {
        handled = work => handled,
        () = after_grace(stop) => Err(Fault::unavailable("this process", "it ends")),
    };
    point::reached("isolated.handled").await?;
    finish(consumers, delivery, stop).await;
    point::reached("isolated.finished").await?;
    Ok(match handled {
        Ok(effect) => Isolated::Committed(effect),
        Err(fault) => Isolated::Failed(fault),
    })
}

async fn after_grace(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(SHUTDOWN_GRACE).await;
}

/// An outage must not count as a crash of the process, so this waits until it is over. A process that shuts down meanwhile leaves one
/// wrongly counted crash, of the three that are allowed; without the count a poison event would crash processes without limit.
async fn finish(consumers: &Consumers, delivery: &Delivery, stop: &CancellationToken) {
    while let Err(fault) = attempts::finish(consumers, delivery).await {
        let passes = matches!(fault.kind(), Kind::Unavailable | Kind::TimedOut);
        if !passes || !outage::wait(consumers, stop).await {
            tracing::info!("the end of an attempt was not committed: {}", fault.chain());
            return;
        }
    }
}

/// The reason of a dead letter for an event that was tried too often: what happened last.
pub(super) fn poison_fault(known: &Attempts) -> Fault {
    let times = known.failures();
    match &known.last_error {
        Some(error) => Fault::internal(format!("tried {times} times, the last time: {error}")),
        None => Fault::new(
            Reason::KillsTheProcess,
            format!("tried {times} times, the last time the process died of this event alone"),
        ),
    }
}

/// Locks, until the end of the transaction, the isolated runs that are not started by a message; false where another process of the
/// service has the lock. If two processes started the same event, each would count the other's start as a crash. Nothing else is
/// done in that transaction, so it may be idle for as long as a run may take; the caller is [`exclusive`] first, since waiting
/// for that can take longer.
pub(super) async fn try_lock(consumers: &Consumers, guard: &mut Tx) -> Result<bool, Fault> {
    let idle = max_run(consumers).as_millis();
    let idle = format!("set local idle_in_transaction_session_timeout = '{idle}ms'");
    guard.conn().batch_execute(&idle).await?;
    #[derive(QueryableByName)]
    struct Lock {
        #[diesel(sql_type = Bool)]
        locked: bool,
    }
    let lock: Lock = statement(
        "select pg_try_advisory_xact_lock(hashtextextended('souk.examine', 0)) as locked",
    )
    .get_result(guard.conn())
    .await?;
    Ok(lock.locked)
}

/// Limits the time of the transaction that holds that lock: its connection may be half-open from the start.
pub(super) fn bounded<T>(
    consumers: &Consumers,
    work: impl Future<Output = Result<T, Fault>>,
) -> impl Future<Output = Result<T, Fault>> {
    let limit = max_run(consumers) + Duration::from_secs(10);
    outage::within(consumers, limit, "nothing ran in isolation", work)
}
