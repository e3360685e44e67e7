//! Replays dead letters in their order, from where the replay is to the last one that existed when it was requested.

use super::apply::{apply, wait_for_broker};
use super::progress::{Replay, position};
use crate::consumers::context::Consumers;
use crate::dead::{self, DeadLetter};
use contracts::operations::v1::DeadLetterFilter;
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Dead letters read at a time.
const PAGE_SIZE: usize = 100;

/// How many further processes a dead letter may crash before it is skipped; the first crash only starts the checkpoints.
const MAX_CRASHES: i32 = 3;

/// Replays what is left of a request; returns when all is done.
pub(super) async fn walk(replay: &Replay<'_>) {
    let order = replay.order();
    let mut checkpointing = take_over(replay);
    let filter = order.filter.unwrap_or_default();
    if replay.total() == 0 {
        replay.set_message("counting the dead letters");
        replay.set_total(count(replay, &filter, order.last).await);
    }
    replay.set_message("replaying");
    // Stored before a dead letter is tried, else the next process could not know that one killed this process.
    replay.checkpoint_or_wait().await;
    let mut pace = pace(order.per_second);
    let mut after = order.done.cast_unsigned();
    loop {
        let page = page(replay.consumers, &filter, after).await;
        for dead_letter in &page.dead_letters {
            if position(dead_letter.sequence) > order.last {
                return;
            }
            pace.tick().await;
            checkpointing = checkpointing.saturating_sub(1);
            replay_one(replay, dead_letter, checkpointing > 0).await;
        }
        match page.next {
            Some(next) if position(next) < order.last => after = next,
            _ => return,
        }
    }
}

/// Records that a process has taken the replay up, and whether the dead letter that was tried crashed the one before; returns for
/// how many dead letters a checkpoint is stored before each try. That is done after a crash until the replay is past the dead letters
/// that may have caused it: so a poison event crashes four processes and not an unlimited number.
fn take_over(replay: &Replay<'_>) -> u32 {
    let mut checkpointing = 0;
    replay.change(|order| {
        let per_second = u32::try_from(order.per_second).unwrap_or_default();
        if order.takings > 0 {
            checkpointing = 2 * per_second.max(1) + 1;
        }
        order.takings += 1;
        order.deaths = if order.trying > order.done { order.deaths + 1 } else { 0 };
    });
    checkpointing
}

async fn replay_one(replay: &Replay<'_>, dead_letter: &DeadLetter, checkpointing: bool) {
    let _current = replay.begin().await;
    if checkpointing {
        let tried = position(dead_letter.sequence);
        let order = replay.order();
        if order.trying == tried && order.deaths >= MAX_CRASHES {
            let message = format!("{} processes died while they tried it", order.deaths);
            return replay.skipped(dead_letter, "PROCESS_DIED", &message);
        }
        replay.change(|order| {
            if order.trying != tried {
                (order.trying, order.deaths) = (tried, 0);
            }
        });
        replay.checkpoint_or_wait().await;
    }
    let result = apply(replay, dead_letter).await;
    replay.done(dead_letter, result);
}

async fn count(replay: &Replay<'_>, filter: &DeadLetterFilter, last: i64) -> i64 {
    let consumers = replay.consumers;
    loop {
        let (last, all) = (last.cast_unsigned(), usize::MAX);
        match dead::count_matching(&consumers.bus, consumers.service(), filter, last, all).await {
            Ok((found, _)) => return i64::try_from(found).unwrap_or(i64::MAX),
            Err(fault) => wait_for_broker(consumers, &fault).await,
        }
    }
}

async fn page(consumers: &Consumers, filter: &DeadLetterFilter, after: u64) -> dead::Page {
    loop {
        match dead::page(&consumers.bus, consumers.service(), filter, after, PAGE_SIZE).await {
            Ok(page) => return page,
            Err(fault) => wait_for_broker(consumers, &fault).await,
        }
    }
}

/// Time that a dead letter took longer is not made up for: no second sees more than `per_second`.
fn pace(per_second: i32) -> Interval {
    let per_second = u32::try_from(per_second).unwrap_or_default().clamp(1, 1_000);
    let mut pace = interval(Duration::from_secs(1) / per_second);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}
