//! Makes the partitions of the days to come, and drops what is too old.

use crate::App;
use crate::domain::counting::start;
use crate::store::days;
use crate::store::expired::{self, Expired};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use fault::{Fault, context};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often it is looked.
const INTERVAL: Duration = Duration::from_secs(600);

/// Days that are made ahead.
const AHEAD: u64 = 3;

/// Rows that one statement deletes, so that nobody waits long for its locks.
const BATCH: i64 = 5_000;

/// For how long an event that was refused is kept.
const REFUSED: TimeDelta = TimeDelta::days(14);

/// Looks after the days until the process ends.
pub async fn keep_days(app: App, ending: CancellationToken) {
    while !ending.is_cancelled() {
        let work = keep(&app);
        if let Err(fault) = context::scope(context::Context::of_service("analytics"), work).await {
            tracing::warn!("keeping the days failed, trying again: {}", fault.chain());
        }
        let _ = tokio::time::timeout(INTERVAL, ending.cancelled()).await;
    }
}

/// One round. It drops a day only after events of it have been refused for a whole day.
pub async fn keep(app: &App) -> Result<(), Fault> {
    let horizon = app.horizon().await?;
    let today = horizon.now.date_naive();
    let ahead = (0..=AHEAD).filter_map(|days| today.checked_add_days(Days::new(days)));
    app.add_days(&ahead.collect::<BTreeSet<NaiveDate>>()).await?;

    let oldest = horizon.oldest_day().pred_opt().unwrap_or_default();
    let dropped =
        app.db.write("analytics.drop_days", async |tx| days::drop_before(tx, oldest).await).await?;
    if dropped > 0 {
        tracing::info!(dropped, %oldest, "dropped partitions");
    }
    let expired = [
        (Expired::Ids, start(oldest)),
        (Expired::Hours, start(oldest)),
        (Expired::Minutes, start(horizon.oldest_minutes())),
        (Expired::Refused, horizon.now - REFUSED),
    ];
    for (what, before) in expired {
        sweep(app, what, before).await?;
    }
    Ok(())
}

/// Deletes batch after batch until one is not full.
async fn sweep(app: &App, what: Expired, before: DateTime<Utc>) -> Result<(), Fault> {
    loop {
        let delete = async move |tx: &mut pg::Tx| expired::delete(tx, what, before, BATCH).await;
        let deleted = app.db.write("analytics.sweep", delete).await?;
        if i64::try_from(deleted).unwrap_or_default() < BATCH {
            return Ok(());
        }
    }
}
