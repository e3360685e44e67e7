//! Letters that an older binary parked because it did not know their type. One that knows it replays them, each with nothing
//! else in flight, since nobody has tried them before. What fails then is an ordinary letter, for operators.

use super::examine::{self, Examined, alone, examine};
use super::{Consumers, Delivery, attempts, effect};
use crate::dead::{self, Letter};
use contracts::Reason as _;
use fault::{Fault, Kind};
use std::collections::BTreeSet;
use tokio_util::sync::CancellationToken;

/// Letters read at a time.
const PAGE: usize = 50;

/// Rounds between two looks at what has become of parked letters.
const SELDOM: u32 = 12;

/// What this process knows of its service's letters, by their sequences.
#[derive(Default)]
pub(super) struct Parked {
    /// All letters up to here were looked at.
    looked_at: u64,
    /// Those that wait for a newer binary.
    waiting: BTreeSet<u64>,
    /// Those that this one can read.
    due: BTreeSet<u64>,
    rounds: u32,
}

impl Parked {
    /// How many letters are nobody's task, because a newer binary will take them.
    pub fn parked(&self) -> u64 {
        self.waiting.len().try_into().unwrap_or(u64::MAX)
    }

    /// Looks at the letters that have come, and replays those that can be read.
    pub async fn round(
        &mut self,
        consumers: &Consumers,
        stop: &CancellationToken,
    ) -> Result<(), Fault> {
        self.look(consumers, stop).await?;
        if self.rounds.is_multiple_of(SELDOM) {
            self.forget(consumers, stop).await?;
        }
        self.rounds = self.rounds.wrapping_add(1);
        for sequence in self.due.clone() {
            if stop.is_cancelled() {
                break;
            }
            let letter = dead::at(&consumers.bus, consumers.service(), sequence).await?;
            let after = match letter {
                Some(letter) => replay(consumers, &letter, stop).await?,
                None => After::Done,
            };
            match after {
                After::Done => _ = self.due.remove(&sequence),
                After::Later => {}
                After::Elsewhere => break,
            }
        }
        Ok(())
    }

    async fn look(&mut self, consumers: &Consumers, stop: &CancellationToken) -> Result<(), Fault> {
        let (bus, service) = (&consumers.bus, consumers.service());
        let last = dead::last(bus, service).await?;
        if last < self.looked_at {
            // The stream was made anew.
            *self = Self::default();
        }
        while self.looked_at < last && !stop.is_cancelled() {
            let letters = dead::list(bus, service, self.looked_at, PAGE).await?;
            for letter in letters.iter().filter(|letter| is_parked(letter)) {
                let known = consumers.registry.knows(&letter.original_subject);
                let among = if known { &mut self.due } else { &mut self.waiting };
                among.insert(letter.sequence);
            }
            self.looked_at = letters.last().map_or(last, |letter| letter.sequence);
        }
        Ok(())
    }

    /// Operators discard letters, and newer processes replay them.
    async fn forget(
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

fn is_parked(letter: &Letter) -> bool {
    letter.reason == dead::Reason::UnknownType.name()
}

/// What is left to do for this process.
enum After {
    Done,
    Later,
    /// Nothing now: another process is at the letters.
    Elsewhere,
}

async fn replay(
    consumers: &Consumers,
    letter: &Letter,
    stop: &CancellationToken,
) -> Result<After, Fault> {
    let delivery = &match Delivery::of_letter(letter) {
        Ok(delivery) => delivery,
        Err(fault) => return Ok(left(letter, &fault)),
    };
    if !consumers.registry.handles(delivery.subject()) {
        consumers.replay(letter).await?;
        return Ok(After::Done);
    }
    let examined = {
        let alone = &alone(consumers).await;
        if stop.is_cancelled() {
            return Ok(After::Later);
        }
        let examined = consumers.db.write("bus.examine_letter", async move |guard| {
            if !examine::only_here(consumers, guard).await? {
                return Ok(None);
            }
            let work = effect::again(consumers, delivery);
            examine(consumers, alone, delivery, work, stop).await.map(Some)
        });
        examine::guarded(consumers, examined).await?
    };
    let fault = match examined {
        None => return Ok(After::Elsewhere),
        Some(Examined::Innocent(_)) => return replayed(consumers, letter).await,
        Some(Examined::Guilty(known)) => return Ok(left(letter, &examine::guilty(&known))),
        Some(Examined::Failed(fault)) => fault,
    };
    match fault.kind() {
        Kind::AlreadyExists => replayed(consumers, letter).await,
        Kind::Conflict | Kind::Exhausted | Kind::Unavailable | Kind::TimedOut => Ok(After::Later),
        _ => {
            let known = attempts::count(consumers, delivery, &fault.chain()).await?;
            Ok(if known.failures() < attempts::MOST { After::Later } else { left(letter, &fault) })
        }
    }
}

async fn replayed(consumers: &Consumers, letter: &Letter) -> Result<After, Fault> {
    dead::discard(&consumers.bus, letter).await?;
    metrics::counter!("dead_letters_replayed_total", "consumer" => letter.consumer.clone())
        .increment(1);
    Ok(After::Done)
}

/// Says that operators have to see to it, and that the process has not.
fn left(letter: &Letter, fault: &Fault) -> After {
    let Letter { consumer, letter_id: id, .. } = letter;
    tracing::error!(consumer, id, "a parked letter cannot be replayed: {}", fault.chain());
    After::Done
}
