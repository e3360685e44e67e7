//! One dead letter given to its handler again.

use super::context::Consumers;
use super::delivery::Delivery;
use super::effect;
use super::outcome::Effect;
use crate::dead::{self, DeadLetter};
use fault::{Fault, Kind, point};

/// The outcome of a replayed dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    /// Its effect is committed.
    Applied,
    /// It is kept until what it waits for arrives.
    Kept,
    /// Its effect had been committed before.
    Duplicate,
    /// The service has no handler for it.
    Ignored,
}

impl Consumers {
    /// Gives a dead letter to this service's handler only, under its original id, and removes it once the effect is
    /// committed. A process that is killed half-way loses nothing: the next try finds the effect there. Where the handler fails
    /// the dead letter stays and the fault is returned.
    pub async fn replay(&self, dead_letter: &DeadLetter) -> Result<Replayed, Fault> {
        let replayed = self.apply_dead_letter(dead_letter).await?;
        dead::discard(&self.bus, dead_letter).await?;
        Ok(replayed)
    }

    /// The first half of a replay: the effect.
    pub(super) async fn apply_dead_letter(
        &self,
        dead_letter: &DeadLetter,
    ) -> Result<Replayed, Fault> {
        let delivery = Delivery::of_dead_letter(dead_letter)?;
        point::reached("dead.replay").await?;
        let replayed = if self.registry.handles(delivery.subject()) {
            let _shared = self.in_flight.read().await;
            match effect::dead_letter(&self.clone().deferring_kept(), &delivery).await {
                Ok(Effect::Applied | Effect::Stale) => Replayed::Applied,
                Ok(Effect::Kept) => Replayed::Kept,
                Ok(Effect::Duplicate) => Replayed::Duplicate,
                Err(fault) if fault.kind() == Kind::AlreadyExists => Replayed::Duplicate,
                Err(fault) => return Err(fault),
            }
        } else if self.registry.knows(delivery.subject()) {
            Replayed::Ignored
        } else {
            return Err(dead::unknown_type(delivery.subject()));
        };
        point::reached("dead.replayed").await?;
        metrics::counter!("dead_letters_replayed_total", "consumer" => dead_letter.consumer.clone())
            .increment(1);
        Ok(replayed)
    }
}
