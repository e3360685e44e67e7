//! Does what `rpc/reindex` asked for. Every replica that serves fills a new index of its own; the operation ends when all
//! have done so. A replica that dies meanwhile drops out of the count after a few seconds.

use crate::App;
use crate::jobs::follow_table::fill;
use crate::store::{documents, replicas};
use fault::Fault;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const EVERY: Duration = Duration::from_millis(500);

/// Looks for reindexing to do until the process ends.
pub async fn fill_new_index(app: App, ending: CancellationToken) {
    let mut done: Option<Uuid> = None;
    while !ending.is_cancelled() {
        if let Err(fault) = round(&app, &mut done).await {
            tracing::warn!("reindexing failed, trying again: {}", fault.chain());
        }
        let _ = tokio::time::timeout(EVERY, ending.cancelled()).await;
    }
}

async fn round(app: &App, done: &mut Option<Uuid>) -> Result<(), Fault> {
    let stats = app.index.run(|engine| engine.stats()).await?;
    let last = *done;
    app.db
        .write("search.beat", async |tx| replicas::beat(tx, app.replica_id, &stats, last).await)
        .await?;
    let asked = app.db.read("search.reindexing", async |tx| replicas::asked(tx).await).await?;
    let Some(asked) = asked else { return Ok(()) };
    if *done < Some(asked) {
        let life = app.db.read("search.life", async |tx| documents::life(tx).await).await?;
        fill(app, life.epoch, Some(asked)).await?;
        *done = Some(asked);
        return Ok(());
    }
    app.db
        .write("search.reindexed", async |tx| {
            if replicas::all_have_done(tx, asked).await? {
                replicas::end_up_to(tx, asked).await?;
            }
            Ok(())
        })
        .await
}
