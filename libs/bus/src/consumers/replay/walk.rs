//! Goes through the letters in their order, from where the replay is to the last one that there was when it was asked for.

use super::super::Consumers;
use super::feed::{self, broker_back};
use super::kept::{Kept, position};
use crate::dead::{self, Letter};
use contracts::operations::v1::DeadLetterFilter;
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Letters read at a time.
const PAGE: usize = 100;

/// Processes that may die of one letter after it is known that one has died.
const DEATHS: i32 = 3;

/// Replays the rest of an order; returns when all is done.
pub(super) async fn walk(kept: &Kept<'_>) {
    let order = kept.order();
    let mut careful = take_over(kept);
    let filter = order.filter.unwrap_or_default();
    if kept.total() == 0 {
        kept.doing("counting the letters");
        kept.counted(count(kept, &filter, order.last).await);
    }
    kept.doing("replaying");
    // Noted before a letter is tried, else nobody would know that a process has died of one.
    kept.note_surely().await;
    let mut pace = pace(order.per_second);
    let mut after = order.done.cast_unsigned();
    loop {
        let page = page(kept.consumers, &filter, after).await;
        for letter in &page.letters {
            if position(letter.sequence) > order.last {
                return;
            }
            pace.tick().await;
            careful = careful.saturating_sub(1);
            one(kept, letter, careful > 0).await;
        }
        match page.next {
            Some(next) if position(next) < order.last => after = next,
            _ => return,
        }
    }
}

/// Notes that a process has taken the order up, and of what the one before died; returns how many letters are to be tried
/// with care. Where a process died, the next one writes down each letter before it tries it, until it is past those that the
/// first one may have died of: so a letter that kills takes four processes with it, and not all for ever.
fn take_over(kept: &Kept<'_>) -> u32 {
    let mut careful = 0;
    kept.change(|order| {
        let per_second = u32::try_from(order.per_second).unwrap_or_default();
        if order.takings > 0 {
            careful = 2 * per_second.max(1) + 1;
        }
        order.takings += 1;
        order.deaths = if order.trying > order.done { order.deaths + 1 } else { 0 };
    });
    careful
}

async fn one(kept: &Kept<'_>, letter: &Letter, careful: bool) {
    let _begun = kept.begin().await;
    if careful {
        let tried = position(letter.sequence);
        let order = kept.order();
        if order.trying == tried && order.deaths >= DEATHS {
            let message = format!("{} processes died while they tried it", order.deaths);
            return kept.given_up(letter, "PROCESS_DIED", &message);
        }
        kept.change(|order| {
            if order.trying != tried {
                (order.trying, order.deaths) = (tried, 0);
            }
        });
        kept.note_surely().await;
    }
    let result = feed::feed(kept, letter).await;
    kept.dealt_with(letter, result);
}

async fn count(kept: &Kept<'_>, filter: &DeadLetterFilter, last: i64) -> i64 {
    let consumers = kept.consumers;
    loop {
        let (last, all) = (last.cast_unsigned(), usize::MAX);
        match dead::matching(&consumers.bus, consumers.service(), filter, last, all).await {
            Ok((found, _)) => return i64::try_from(found).unwrap_or(i64::MAX),
            Err(fault) => broker_back(consumers, &fault).await,
        }
    }
}

async fn page(consumers: &Consumers, filter: &DeadLetterFilter, after: u64) -> dead::Page {
    loop {
        match dead::page(&consumers.bus, consumers.service(), filter, after, PAGE).await {
            Ok(page) => return page,
            Err(fault) => broker_back(consumers, &fault).await,
        }
    }
}

/// A letter that took longer is not made up for: no second sees more than it may.
fn pace(per_second: i32) -> Interval {
    let per_second = u32::try_from(per_second).unwrap_or_default().clamp(1, 1_000);
    let mut pace = interval(Duration::from_secs(1) / per_second);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}
