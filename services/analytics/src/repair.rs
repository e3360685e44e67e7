//! Compares the counters of a day with its events, and corrects what differs.

use crate::App;
use crate::domain::counting::{ANY, Counters, Dimension, Grain, Key};
use crate::domain::event::Horizon;
use crate::record::count_steps;
use crate::store::{counters, events, new_counts, visits};
use chrono::NaiveDate;
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::{Tx, statement};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Events that are read at once.
const CHUNK: i64 = 2_000;

/// What a comparison found.
#[derive(Debug, Default)]
pub struct Drift {
    /// How many events the day has.
    pub events: i64,
    /// What the counters lack; negative where they have too much.
    pub missing: Counters,
}

/// Corrects the counters of a day in the caller's transaction, unless `only_compare`. Others go on counting meanwhile: what is missing
/// by one snapshot is added to whatever the counters are by then. Of two repairs of a day one waits for the other.
pub async fn repair(
    app: &App,
    tx: &mut Tx,
    day: NaiveDate,
    horizon: Horizon,
    only_compare: bool,
) -> Result<Drift, Fault> {
    statement("select pg_advisory_xact_lock(hashtext('analytics.repair'))")
        .execute(tx.conn())
        .await?;
    let compare = async |other: &mut Tx| compare(other, day, horizon).await;
    // Two transactions in one future would be too much for the stack of a thread.
    let drift = Box::pin(app.db.write("analytics.compare", compare)).await?;
    if !only_compare {
        counters::add(tx, &drift.missing).await?;
    }
    Ok(drift)
}

/// Events, counters and what is still to be added to these are read by one snapshot, and each transaction that counts writes the first
/// and the last.
async fn compare(tx: &mut Tx, day: NaiveDate, horizon: Horizon) -> Result<Drift, Fault> {
    statement("set transaction isolation level repeatable read, read only")
        .execute(tx.conn())
        .await?;
    let mut found = Drift::default();
    let mut sessions: BTreeMap<String, i32> = BTreeMap::new();
    let mut customers: BTreeSet<String> = BTreeSet::new();
    let mut after = Uuid::nil();
    loop {
        let page = events::list(tx, day, after, CHUNK).await?;
        let Some((last, _)) = page.last() else { break };
        after = last.id;
        for (event, _) in page {
            found.events += 1;
            found.missing.count(&event, horizon);
            if let Some(session) = event.session {
                *sessions.entry(session).or_insert(visits::VISITED) |= event.kind.bit();
            }
            customers.extend(event.customer);
        }
    }
    sessions.values().for_each(|steps| count_steps(&mut found.missing, day, *steps));
    customers.iter().for_each(|_| found.missing.count_distinct(Dimension::Customer, day, ANY));
    let has_minutes = day >= horizon.oldest_minutes();
    let mut kept = counters::of_day(tx, day).await?;
    kept.0.retain(|key, _| has_minutes || key.grain != Grain::Minute);
    let coming = new_counts::of_day(tx, day).await?.with_totals();
    found.missing = found.missing.with_totals().minus(&kept).minus(&coming);
    Ok(found)
}

/// How a report names a counter.
pub fn path(key: &Key) -> String {
    let Key { dimension, grain, bucket, value, event_type, currency } = key;
    let (dimension, grain, bucket) = (dimension.name(), grain.name(), bucket.format("%FT%RZ"));
    format!("{dimension}/{grain}/{bucket}/{value}/{event_type}/{currency}")
}
