//! Runs the reindexing that `rpc/reindex` requested. Every replica that serves fills a new index of its own; the operation ends when all
//! have done so. A replica that stops meanwhile is no longer waited for after a few seconds.

use crate::App;
use crate::jobs::follow_table::fill;
use crate::store::{documents, replicas};
use fault::Fault;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How often requested reindexing is looked for.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Runs requested reindexing until the process ends.
pub async fn fill_new_index(app: App, ending: CancellationToken) {
    let mut done: Option<Uuid> = None;
    while !ending.is_cancelled() {
        if let Err(fault) = round(&app, &mut done).await {
            tracing::warn!("reindexing failed, trying again: {}", fault.chain());
        }
        let _ = tokio::time::timeout(POLL_INTERVAL, ending.cancelled()).await;
    }
}

async fn round(app: &App, done: &mut Option<Uuid>) -> Result<(), Fault> {
    let stats = app.index.run(|engine| engine.stats()).await?;
    let last = *done;
    app.db
        .write("search.beat", async |tx| replicas::beat(tx, app.replica_id, &stats, last).await)
        .await?;
    let requested =
        app.db.read("search.reindexing", async |tx| replicas::requested_reindex(tx).await).await?;
    let Some(requested) = requested else { return Ok(()) };
    if *done < Some(requested) {
        let state = app.db.read("search.life", async |tx| documents::table_state(tx).await).await?;
        fill(app, state.epoch, Some(requested)).await?;
        *done = Some(requested);
        return Ok(());
    }
    app.db
        .write("search.reindexed", async |tx| {
            if replicas::all_have_done(tx, requested).await? {
                replicas::end_up_to(tx, requested).await?;
            }
            Ok(())
        })
        .await
}
