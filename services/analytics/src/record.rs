//! Counts events, each once. Calls and events of the mesh go through here.

use crate::App;
use crate::domain::counting::{ANY, Counters, Dimension};
use crate::domain::event::{Horizon, Source, TrackedEvent};
use crate::domain::types::KINDS;
use crate::store::{events, new_counts, visits};
use chrono::NaiveDate;
use fault::Fault;
use pg::Tx;
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// Keeps and counts the events that are new, in the transaction of the caller; returns their ids. There are partitions for their days.
///
/// The order is the same for all writers: ids, sessions, customers, each by its key. What they add to counters is noted, for
/// `jobs/add_counts.rs`.
pub async fn record(
    app: &App,
    tx: &mut Tx,
    sent: &[&TrackedEvent],
    source: Source,
    horizon: Horizon,
) -> Result<BTreeSet<Uuid>, Fault> {
    let mut new = BTreeSet::new();
    let once: Vec<&TrackedEvent> =
        sent.iter().copied().filter(|event| new.insert(event.id)).collect();
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
    new_counts::keep(tx, &counted).await?;
    tx.notify_after_commit(Arc::clone(&app.counted));
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
