//! Replays that operators ask for. A replay is an operation: any process of the service takes it up, one at a time works on
//! it, and what it has come to is kept with it each second ([`kept`]). A process that dies leaves it to the next one, which
//! goes on there ([`walk`]); the inbox knows the letters that were dealt with and not yet noted.

mod feed;
mod kept;
mod walk;

use super::Consumers;
use crate::dead::REPLAY;
use contracts::operations::v1::ReplayOrder;
use fault::{Fault, point};
use kept::Kept;
use pg::operations::{self, Operation};
use prost::Message;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two looks for something to do.
const EVERY: Duration = Duration::from_secs(1);

/// Looks for replays to do until `stop`.
pub(super) async fn run(consumers: Consumers, stop: CancellationToken) -> Result<(), Fault> {
    while tokio::time::timeout(EVERY, stop.cancelled()).await.is_err() {
        match take_up(&consumers).await {
            Ok(Some(operation)) => replay(&consumers, operation, &stop).await,
            Ok(None) => {}
            Err(fault) => tracing::info!("could not look for replays: {}", fault.chain()),
        }
    }
    Ok(())
}

async fn take_up(consumers: &Consumers) -> Result<Option<Operation>, Fault> {
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
            let why = "what was asked for cannot be read";
            let failed = async |tx: &mut pg::Tx| operations::fail(tx, id, why).await;
            // Where this fails it is taken up again when the lease is over.
            let _ = consumers.db.write("bus.fail_replay", failed).await;
            return;
        }
    };
    tracing::info!(service, %id, after = order.done, last = order.last, "this process replays dead letters");
    let kept = Kept::new(consumers, operation, order);
    tokio::select! {
        () = walk::walk(&kept) => kept.succeed(stop).await,
        () = kept.keep_on() => tracing::warn!(service, %id, "another process has taken the replay up"),
        _between_letters = kept.stopped(stop) => kept.give_back().await,
    }
}
