//! One letter, with patience: an outage is no failure of the letter, so the replay waits for its end.

use super::super::{Consumers, Replayed, outage};
use super::kept::Kept;
use crate::dead::{self, Letter};
use fault::{Fault, Kind, point};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often something is tried that fails in a way that may pass.
const TRIES: u32 = 4;

/// Pause before it is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// Has a letter's effect made and removes the letter. Each is repeated by itself; where only the removal fails the letter is
/// reported, and the next replay finds the effect there.
pub(super) async fn feed(kept: &Kept<'_>, letter: &Letter) -> Result<Replayed, Fault> {
    let replayed = effect(kept, letter).await?;
    remove(kept.consumers, letter).await?;
    Ok(replayed)
}

async fn effect(kept: &Kept<'_>, letter: &Letter) -> Result<Replayed, Fault> {
    let consumers = kept.consumers;
    let mut tries = 1;
    loop {
        let fault = match consumers.feed(letter).await {
            Ok(replayed) => return Ok(replayed),
            Err(fault) => fault,
        };
        match fault.kind() {
            Kind::Unavailable | Kind::TimedOut if !outage::is_over(consumers).await => {
                kept.doing("waiting for the database");
                outage::wait(consumers, &CancellationToken::new()).await;
                kept.doing("replaying");
            }
            Kind::Unavailable | Kind::TimedOut | Kind::Exhausted | Kind::Conflict
                if tries < TRIES =>
            {
                tries += 1;
                tokio::time::sleep(fault.pause().unwrap_or_default().max(PAUSE)).await;
            }
            _ => return Err(fault),
        }
    }
}

async fn remove(consumers: &Consumers, letter: &Letter) -> Result<(), Fault> {
    let mut tries = 1;
    loop {
        let removed = async {
            point::reached("replay.fed").await?;
            dead::discard(&consumers.bus, letter).await?;
            point::reached("replay.removed").await
        };
        match removed.await {
            Ok(()) => return Ok(()),
            Err(fault) if tries >= TRIES => return Err(fault.context("remove the letter")),
            Err(fault) => {
                // Away as a whole it costs no try.
                if consumers.bus.health().await.is_ok() {
                    tries += 1;
                }
                broker_back(consumers, &fault).await;
            }
        }
    }
}

/// Waits for the broker, for a moment at least.
pub(super) async fn broker_back(consumers: &Consumers, fault: &Fault) {
    let service = consumers.service();
    tracing::info!(service, "a replay waits for the broker: {}", fault.chain());
    tokio::time::sleep(PAUSE).await;
    while consumers.bus.health().await.is_err() {
        tokio::time::sleep(PAUSE).await;
    }
}
