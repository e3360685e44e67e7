//! Counts events, each once. Calls and events of the mesh go through here.

use crate::domain::counting::{ANY, Counters, Dimension};
use crate::domain::event::{Horizon, Source, TrackedEvent};
use crate::domain::types::KINDS;
use crate::store::{counters, events, visits};
use chrono::NaiveDate;
use fault::Fault;
use pg::Tx;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Keeps and counts the events that are new, in the transaction of the caller; returns their ids. There are partitions for their days.
///
/// The order is the same for all writers: ids, sessions, customers, counters, each by its key. Counters come last, since many writers
/// share them.
pub async fn record(
    tx: &mut Tx,
    sent: &[TrackedEvent],
    source: Source,
    horizon: Horizon,
) -> Result<BTreeSet<Uuid>, Fault> {
    let mut new = BTreeSet::new();
    let once: Vec<&TrackedEvent> = sent.iter().filter(|event| new.insert(event.id)).collect();
    if once.is_empty() {
        return Ok(new);
    }
    let new = events::claim(tx, &once).await?;
    let fresh: Vec<&TrackedEvent> =
        once.into_iter().filter(|event| new.contains(&event.id)).collect();
    if fresh.is_empty() {
        return Ok(new);
    }
    events::insert(tx, &fresh, source, horizon.now).await?;
    let mut counted = Counters::default();
    fresh.iter().for_each(|event| counted.count(event, horizon));
    for (day, steps) in visits::add(tx, &fresh).await? {
        count_steps(&mut counted, day, steps);
    }
    for day in visits::add_customers(tx, &fresh).await? {
        counted.count_distinct(Dimension::Customer, day, ANY);
    }
    counters::add(tx, &counted).await?;
    Ok(new)
}

/// Counts a session for each of its steps.
pub fn count_steps(counters: &mut Counters, day: NaiveDate, steps: i32) {
    if steps & visits::VISITED != 0 {
        counters.count_distinct(Dimension::Session, day, ANY);
    }
    for kind in KINDS.iter().filter(|kind| steps & kind.bit() != 0) {
        counters.count_distinct(Dimension::Session, day, kind.name);
    }
}
