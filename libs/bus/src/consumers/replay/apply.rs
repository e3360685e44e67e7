//! One dead letter. An outage is no failure of the dead letter, so the replay waits until it is over.

use super::progress::Replay;
use crate::consumers::context::Consumers;
use crate::consumers::outage;
use crate::consumers::replay_one::Replayed;
use crate::dead::{self, DeadLetter};
use fault::{Fault, Kind, point};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often something is tried that fails in a way that may be transient.
const MAX_TRIES: u32 = 4;

/// Shortest pause before it is tried again.
const MIN_PAUSE: Duration = Duration::from_millis(500);

/// Applies a dead letter and removes it. Each is tried again by itself; where only the removal fails the dead letter is
/// reported as failed, and the next replay finds the effect there.
pub(super) async fn apply(
    replay: &Replay<'_>,
    dead_letter: &DeadLetter,
) -> Result<Replayed, Fault> {
    let replayed = effect(replay, dead_letter).await?;
    remove(replay.consumers, dead_letter).await?;
    Ok(replayed)
}

async fn effect(replay: &Replay<'_>, dead_letter: &DeadLetter) -> Result<Replayed, Fault> {
    let consumers = replay.consumers;
    let mut tries = 1;
    loop {
        let fault = match consumers.apply_dead_letter(dead_letter).await {
            Ok(replayed) => return Ok(replayed),
            Err(fault) => fault,
        };
        match fault.kind() {
            Kind::Unavailable | Kind::TimedOut if !outage::is_over(consumers).await => {
                replay.set_message("waiting for the database");
                outage::wait(consumers, &CancellationToken::new()).await;
                replay.set_message("replaying");
            }
            Kind::Unavailable | Kind::TimedOut | Kind::Exhausted | Kind::Conflict
                if tries < MAX_TRIES =>
            {
                tries += 1;
                tokio::time::sleep(fault.pause().unwrap_or_default().max(MIN_PAUSE)).await;
            }
            _ => return Err(fault),
        }
    }
}

async fn remove(consumers: &Consumers, dead_letter: &DeadLetter) -> Result<(), Fault> {
    let mut tries = 1;
    loop {
        let removed = async {
            point::reached("replay.applied").await?;
            dead::discard(&consumers.bus, dead_letter).await?;
            point::reached("replay.removed").await
        };
        match removed.await {
            Ok(()) => return Ok(()),
            Err(fault) if tries >= MAX_TRIES => return Err(fault.context("remove the dead letter")),
            Err(fault) => {
                // An outage of the broker does not count as a try.
                if consumers.bus.health().await.is_ok() {
                    tries += 1;
                }
                wait_for_broker(consumers, &fault).await;
            }
        }
    }
}

/// Waits for the broker, for a moment at least.
pub(super) async fn wait_for_broker(consumers: &Consumers, fault: &Fault) {
    let service = consumers.service();
    tracing::info!(service, "a replay waits for the broker: {}", fault.chain());
    tokio::time::sleep(MIN_PAUSE).await;
    while consumers.bus.health().await.is_err() {
        tokio::time::sleep(MIN_PAUSE).await;
    }
}
