//! Replays dead letters in their order, from where the replay is to the last one that existed when it was requested.

use super::apply::{apply, wait_for_broker};
use super::progress::{Replay, position};
use crate::consumers::context::Consumers;
use crate::dead::{self, DeadLetter};
use contracts::operations::v1::DeadLetterFilter;
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Dead letters read at a time.
const PAGE: usize = 100;

/// Processes that one dead letter may kill after it is known that one process has died.
const MAX_DEATHS: i32 = 3;

/// Replays what is left of a request; returns when all is done.
pub(super) async fn walk(replay: &Replay<'_>) {
    let order = replay.order();
    let mut careful = take_over(replay);
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
            careful = careful.saturating_sub(1);
            replay_one(replay, dead_letter, careful > 0).await;
        }
        match page.next {
            Some(next) if position(next) < order.last => after = next,
            _ => return,
        }
    }
}

/// Counts that a process has taken the replay up, and what killed the one before; returns how many dead letters are to be
/// tried with care. Where a process died, the next one stores each dead letter before it tries it, until it is past those that
/// may have killed the first one: so a poison event kills four processes, and not every one for ever.
fn take_over(replay: &Replay<'_>) -> u32 {
    let mut careful = 0;
    replay.change(|order| {
        let per_second = u32::try_from(order.per_second).unwrap_or_default();
        if order.takings > 0 {
            careful = 2 * per_second.max(1) + 1;
        }
        order.takings += 1;
        order.deaths = if order.trying > order.done { order.deaths + 1 } else { 0 };
    });
    careful
}

async fn replay_one(replay: &Replay<'_>, dead_letter: &DeadLetter, careful: bool) {
    let _begun = replay.begin().await;
    if careful {
        let tried = position(dead_letter.sequence);
        let order = replay.order();
        if order.trying == tried && order.deaths >= MAX_DEATHS {
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
        match dead::page(&consumers.bus, consumers.service(), filter, after, PAGE).await {
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
