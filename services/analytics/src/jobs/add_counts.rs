//! Adds to the counters what was counted.

use crate::App;
use crate::store::{counters, new_counts};
use fault::{Fault, context};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What is counted within this time is added together: a counter is then written once for all of it.
const GATHERED: Duration = Duration::from_millis(500);

/// How often it is looked for what a process that has ended has left.
const INTERVAL: Duration = Duration::from_secs(60);

/// Rows that one transaction adds.
const BATCH: usize = 200;

/// Adds until the process ends.
pub async fn add_counts(app: App, ending: CancellationToken) {
    while !ending.is_cancelled() {
        let work = add(&app);
        if let Err(fault) = context::scope(context::Context::of_service("analytics"), work).await {
            tracing::warn!("adding to counters failed, trying again: {}", fault.chain());
        }
        let next = async {
            let _ = tokio::time::timeout(INTERVAL, app.counted.notified()).await;
            tokio::time::sleep(GATHERED).await;
        };
        ending.run_until_cancelled(next).await;
    }
}

/// Adds what is there; where another process does, it looks again soon, since that one may have missed what came last.
pub async fn add(app: &App) -> Result<(), Fault> {
    let add = async |tx: &mut pg::Tx| {
        if !new_counts::lock(tx).await? {
            return Ok(None);
        }
        let (rows, counted) = new_counts::take(tx, BATCH).await?;
        counters::add(tx, &counted.with_totals()).await?;
        Ok(Some(rows))
    };
    loop {
        match app.db.write("analytics.add_counts", add).await? {
            Some(rows) if rows == BATCH => {}
            Some(_) => return Ok(()),
            None => {
                app.counted.notify_one();
                return Ok(());
            }
        }
    }
}
