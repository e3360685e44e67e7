//! Parked dead letters: events of types that an older binary did not know. A binary that knows the type replays them, each in
//! isolation, since none was ever handled before. One that fails then is an ordinary dead letter, for operators.

use super::context::Consumers;
use super::delivery::Delivery;
use super::isolated::{self, Isolated, exclusive};
use super::{attempts, effect};
use crate::dead::{self, DeadLetter};
use contracts::Reason as _;
use fault::{Fault, Kind};
use std::collections::BTreeSet;
use tokio_util::sync::CancellationToken;

/// Dead letters read at a time.
const PAGE_SIZE: usize = 50;

/// The parked dead letters of the service, by their sequences.
#[derive(Default)]
pub(super) struct Parked {
    /// All dead letters up to here were read.
    read_up_to: u64,
    /// Those that need a newer binary.
    waiting: BTreeSet<u64>,
    /// Those that this one can handle.
    due: BTreeSet<u64>,
}

impl Parked {
    /// How many dead letters need no operator, because a newer binary will handle them.
    pub fn count(&self) -> u64 {
        self.waiting.len().try_into().unwrap_or(u64::MAX)
    }

    /// Reads new dead letters, and forgets those that are gone.
    pub async fn look(
        &mut self,
        consumers: &Consumers,
        stop: &CancellationToken,
    ) -> Result<(), Fault> {
        self.read_new(consumers, stop).await?;
        self.forget_removed(consumers, stop).await
    }

    /// Replays those that this binary can handle.
    pub async fn replay_due(
        &mut self,
        consumers: &Consumers,
        stop: &CancellationToken,
    ) -> Result<(), Fault> {
        for sequence in self.due.clone() {
            if stop.is_cancelled() {
                break;
            }
            let dead_letter = dead::at(&consumers.bus, consumers.service(), sequence).await?;
            let next = match dead_letter {
                Some(dead_letter) => replay(consumers, &dead_letter, stop).await?,
                None => Next::Done,
            };
            match next {
                Next::Done => _ = self.due.remove(&sequence),
                Next::Retry => {}
                Next::Elsewhere => break,
            }
        }
        Ok(())
    }

    async fn read_new(
        &mut self,
        consumers: &Consumers,
        stop: &CancellationToken,
    ) -> Result<(), Fault> {
        let (bus, service) = (&consumers.bus, consumers.service());
        let last = dead::last(bus, service).await?;
        if last < self.read_up_to {
            // The stream was created anew.
            *self = Self::default();
        }
        while self.read_up_to < last && !stop.is_cancelled() {
            let dead_letters = dead::list(bus, service, self.read_up_to, PAGE_SIZE).await?;
            for dead_letter in dead_letters.iter().filter(|dead_letter| is_parked(dead_letter)) {
                let known = consumers.registry.knows(&dead_letter.original_subject);
                let set = if known { &mut self.due } else { &mut self.waiting };
                set.insert(dead_letter.sequence);
            }
            self.read_up_to = dead_letters.last().map_or(last, |dead_letter| dead_letter.sequence);
        }
        Ok(())
    }

    /// Operators discard dead letters, and processes of a newer binary replay them.
    async fn forget_removed(
        &mut self,
        consumers: &Consumers,
        stop: &CancellationToken,
    ) -> Result<(), Fault> {
        for sequence in self.waiting.clone() {
            if stop.is_cancelled() {
                break;
            }
            if dead::at(&consumers.bus, consumers.service(), sequence).await?.is_none() {
                self.waiting.remove(&sequence);
            }
        }
        Ok(())
    }
}

fn is_parked(dead_letter: &DeadLetter) -> bool {
    dead_letter.reason == dead::Reason::UnknownType.name()
}

/// What this process has to do next for a dead letter.
enum Next {
    Done,
    Retry,
    /// Nothing now: another process replays parked dead letters.
    Elsewhere,
}

async fn replay(
    consumers: &Consumers,
    dead_letter: &DeadLetter,
    stop: &CancellationToken,
) -> Result<Next, Fault> {
    let delivery = &match Delivery::of_dead_letter(dead_letter) {
        Ok(delivery) => delivery,
        Err(fault) => return Ok(leave(dead_letter, &fault)),
    };
    if !consumers.registry.handles(delivery.subject()) {
        consumers.replay(dead_letter).await?;
        return Ok(Next::Done);
    }
    let isolated = {
        let exclusive = &exclusive(consumers).await;
        if stop.is_cancelled() {
            return Ok(Next::Retry);
        }
        let run = consumers.db.write("bus.isolate_parked", async move |guard| {
            if !isolated::try_lock(consumers, guard).await? {
                return Ok(None);
            }
            let work = effect::dead_letter(consumers, delivery);
            isolated::run(consumers, exclusive, delivery, work, stop).await.map(Some)
        });
        isolated::bounded(consumers, run).await?
    };
    let fault = match isolated {
        None => return Ok(Next::Elsewhere),
        Some(Isolated::Committed(_)) => return discard(consumers, dead_letter).await,
        Some(Isolated::Poison(known)) => {
            return Ok(leave(dead_letter, &isolated::poison_fault(&known)));
        }
        Some(Isolated::Failed(fault)) => fault,
    };
    match fault.kind() {
        Kind::AlreadyExists => discard(consumers, dead_letter).await,
        Kind::Conflict | Kind::Exhausted | Kind::Unavailable | Kind::TimedOut => Ok(Next::Retry),
        _ => {
            let known = attempts::count(consumers, delivery, &fault.chain()).await?;
            let retry = known.failures() < attempts::MAX_FAILURES;
            Ok(if retry { Next::Retry } else { leave(dead_letter, &fault) })
        }
    }
}

async fn discard(consumers: &Consumers, dead_letter: &DeadLetter) -> Result<Next, Fault> {
    dead::discard(&consumers.bus, dead_letter).await?;
    metrics::counter!("dead_letters_replayed_total", "consumer" => dead_letter.consumer.clone())
        .increment(1);
    Ok(Next::Done)
}

/// Leaves it to operators.
fn leave(dead_letter: &DeadLetter, fault: &Fault) -> Next {
    let DeadLetter { consumer, event_id: id, .. } = dead_letter;
    tracing::error!(consumer, id, "a parked dead letter cannot be replayed: {}", fault.chain());
    Next::Done
}
