//! Runs the reindexing that `rpc/reindex` requested. Every replica that serves fills a new index of its own; the operation ends when all
//! have done so. A replica that stops meanwhile is no longer waited for after a few seconds.

use crate::App;
use crate::jobs::follow_table::fill;
use crate::store::{documents, replicas};
use fault::Fault;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How often this replica reports that it lives; after ten seconds without it is no longer waited for.
const BEAT_INTERVAL: Duration = Duration::from_secs(4);

/// Runs requested reindexing until the process ends.
pub async fn fill_new_index(app: App, ending: CancellationToken) {
    let mut done: Option<Uuid> = None;
    let mut beat: Option<Instant> = None;
    while !ending.is_cancelled() {
        if let Err(fault) = round(&app, &mut done, &mut beat).await {
            tracing::warn!("reindexing failed, trying again: {}", fault.chain());
        }
        ending.run_until_cancelled(app.db.until_due()).await;
    }
}

async fn round(
    app: &App,
    done: &mut Option<Uuid>,
    beat: &mut Option<Instant>,
) -> Result<(), Fault> {
    let running = app.db.due().await?.is_running("reindex");
    if !running && beat.is_some_and(|last| last.elapsed() < BEAT_INTERVAL) {
        return Ok(());
    }
    let stats = app.index.run(|engine| engine.stats()).await?;
    let last = *done;
    app.db
        .write("search.beat", async |tx| replicas::beat(tx, app.replica_id, &stats, last).await)
        .await?;
    *beat = Some(Instant::now());
    if !running {
        return Ok(());
    }
    let requested =
        app.db.read("search.reindexing", async |tx| replicas::requested_reindex(tx).await).await?;
    let Some(requested) = requested else { return Ok(()) };
    if *done < Some(requested) {
        let state = app.db.read("search.life", async |tx| documents::table_state(tx).await).await?;
        fill(app, state.epoch, Some(requested)).await?;
        *done = Some(requested);
        // The next round reports it.
        app.db.wake();
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
