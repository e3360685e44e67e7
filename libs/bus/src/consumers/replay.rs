//! Replays that operators request. A replay is an operation: any process of the service takes it up, one at a time works on
//! it, and its progress is stored with it each second ([`progress`]). After a process that dies the next one resumes it there
//! ([`walk`]); the inbox recognises dead letters that were replayed and not yet recorded.

mod apply;
mod progress;
mod walk;

use super::context::Consumers;
use crate::dead::REPLAY;
use contracts::operations::v1::ReplayOrder;
use fault::{Fault, point};
use pg::operations::{self, Operation};
use progress::Replay;
use prost::Message;
use tokio_util::sync::CancellationToken;

/// Runs requested replays until `stop`.
pub(super) async fn run(consumers: Consumers, stop: CancellationToken) -> Result<(), Fault> {
    while stop.run_until_cancelled(consumers.db.until_due()).await.is_some() {
        match take_up(&consumers).await {
            Ok(Some(operation)) => {
                replay(&consumers, operation, &stop).await;
                // Another one may wait.
                consumers.db.wake();
            }
            Ok(None) => {}
            Err(fault) => tracing::info!("could not look for replays: {}", fault.chain()),
        }
    }
    Ok(())
}

async fn take_up(consumers: &Consumers) -> Result<Option<Operation>, Fault> {
    if !consumers.db.due().await?.is_free(REPLAY) {
        return Ok(None);
    }
    let take_up = async |tx: &mut pg::Tx| operations::take_up(tx, REPLAY).await;
    let taken = consumers.db.write("bus.take_up_replay", take_up).await?;
    if taken.is_some() {
        point::reached("replay.taken").await?;
    }
    Ok(taken)
}

async fn replay(consumers: &Consumers, operation: Operation, stop: &CancellationToken) {
    let service = consumers.service();
    let id = operation.id;
    let order = match ReplayOrder::decode(operation.request.as_deref().unwrap_or_default()) {
        Ok(order) => order,
        Err(error) => {
            tracing::error!(service, %id, "a replay cannot be read: {error}");
            let why = "the request cannot be read";
            let failed = async |tx: &mut pg::Tx| operations::fail(tx, id, why).await;
            // Where this fails it is taken up again when the lease is over.
            let _ = consumers.db.write("bus.fail_replay", failed).await;
            return;
        }
    };
    tracing::info!(service, %id, after = order.done, last = order.last, "this process replays dead letters");
    let replay = Replay::new(consumers, operation, order);
    tokio::select! {
        () = walk::walk(&replay) => replay.succeed(stop).await,
        () = replay.renew_lease() => tracing::warn!(service, %id, "another process has taken the replay up"),
        _between_dead_letters = replay.stopped(stop) => replay.give_back().await,
    }
}
