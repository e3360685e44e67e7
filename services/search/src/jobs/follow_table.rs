//! Keeps this replica's index up to date with the table: reads documents by ascending revision and indexes them. The index stores
//! its checkpoint, so a start after a crash and a start with an empty index are one code path.

use crate::App;
use crate::domain::document::assemble;
use crate::domain::shared::Shared;
use crate::engine::{Change, Checkpoint};
use crate::store::documents::{self, Stored, TableState};
use crate::store::shared;
use chrono::Utc;
use fault::Fault;
use pg::{Tx, operations};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Documents that are read and indexed in one commit.
pub const BATCH_SIZE: i64 = 500;
/// Shortest time from one commit of the index to the next: each takes milliseconds, however small it is.
const MIN_COMMIT_INTERVAL: Duration = Duration::from_millis(30);
/// Longest time that is waited for more changes to be committed together.
const MAX_COMMIT_INTERVAL: Duration = Duration::from_millis(250);
/// A step that takes long under load is paid for by a pause of so many times its duration, in which changes gather for the next.
const PAUSE_FACTOR: u32 = 4;
/// How often the table is polled: the message about a change of another replica may get lost.
const POLL_INTERVAL: Duration = Duration::from_secs(3);

/// Follows the table until the process ends.
pub async fn follow_table(app: App, ending: CancellationToken) {
    while !ending.is_cancelled() {
        let started = Instant::now();
        match step(&app).await {
            Ok(true) => {
                let took = started.elapsed();
                let interval =
                    (took * PAUSE_FACTOR).clamp(MIN_COMMIT_INTERVAL, MAX_COMMIT_INTERVAL);
                sleep(interval.saturating_sub(took)).await;
            }
            Ok(false) => _ = timeout(POLL_INTERVAL, app.index.woken()).await,
            Err(fault) => {
                tracing::warn!("following the table failed, trying again: {}", fault.chain());
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Indexes the next documents; false: there are none.
async fn step(app: &App) -> Result<bool, Fault> {
    let writing = app.index.writer().await;
    let at = app.index.run(|engine| Ok(engine.stats()?.checkpoint)).await?;
    let same = async |tx: &mut Tx| documents::is_at(tx, at.epoch, at.revision).await;
    if app.db.read("search.poll", same).await? {
        app.index.set_filled();
        return Ok(false);
    }
    let Next { found, shared, state } = next(app, at.revision).await?;
    if at.epoch != state.epoch {
        // The tables were created anew, so what is indexed does not belong to them.
        drop(writing);
        fill(app, state.epoch, None).await?;
        app.index.set_filled();
        return Ok(true);
    }
    let Some(last) = found.last().map(|stored| stored.revision) else {
        app.index.set_filled();
        return Ok(false);
    };
    let changes = changes(&found, &shared)?;
    metrics::counter!("search_indexed_documents_total").increment(found.len() as u64);
    let upto = Checkpoint { revision: last, epoch: state.epoch };
    app.index.run(move |engine| engine.index(changes, upto)).await?;
    Ok(true)
}

/// Documents to index.
struct Next {
    found: Vec<Stored>,
    shared: Arc<Shared>,
    state: TableState,
}

/// The documents after a revision, and the brands, categories, attributes and warehouses that they share. Those are read last: the transaction
/// that renames a brand gives its documents new revisions, and these must not be indexed with the old name.
async fn next(app: &App, revision: i64) -> Result<Next, Fault> {
    let (found, state) = app
        .db
        .read("search.follow", async |tx| {
            let found = documents::after(tx, revision, BATCH_SIZE).await?;
            Ok((found, documents::table_state(tx).await?))
        })
        .await?;
    if let Some(shared) = app.index.shared_at(state) {
        return Ok(Next { found, shared, state });
    }
    let read = app.db.read("search.shared", async |tx| shared::load(tx).await).await?;
    Ok(Next { found, shared: app.index.share(state, read), state })
}

fn changes(found: &[Stored], shared: &Shared) -> Result<Vec<Change>, Fault> {
    found.iter().map(|stored| change(stored, shared)).collect()
}

fn change(stored: &Stored, shared: &Shared) -> Result<Change, Fault> {
    let Stored { product_id, revision, entries } = stored;
    let document = assemble(*product_id, *revision, entries, shared, Utc::now())?;
    Ok(document.map_or(Change::Remove(*product_id), |document| Change::Put(Box::new(document))))
}

/// Fills a new index from the table beside the live one and swaps it in. Searches use the old one until then. The progress is
/// stored with the operation that requested it, if there is one.
pub async fn fill(app: &App, epoch: i64, operation: Option<Uuid>) -> Result<(), Fault> {
    let mut rebuild = app.index.run(|engine| engine.rebuild()).await?;
    let (mut revision, mut done) = (0, 0);
    let mut last_round = None;
    loop {
        let Next { found, shared, .. } = next(app, revision).await?;
        if found.is_empty() {
            if last_round.is_some() {
                break;
            }
            // Caught up except for what the follower is writing now; holding the writer lock blocks it until the swap.
            last_round = Some(app.index.writer().await);
            continue;
        }
        revision = found.last().map_or(revision, |stored| stored.revision);
        done += i64::try_from(found.len()).unwrap_or_default();
        let changes = changes(&found, &shared)?;
        let upto = Checkpoint { revision, epoch };
        rebuild = app
            .index
            .run(move |_| {
                rebuild.index(changes, upto)?;
                Ok(rebuild)
            })
            .await?;
        if let Some(id) = operation {
            let doing = "filling new indexes";
            let noted = async |tx: &mut Tx| operations::progress(tx, id, done, 0, doing).await;
            app.db.write("search.progress", noted).await?;
        }
    }
    app.index
        .run(move |_| {
            rebuild.index(Vec::new(), Checkpoint { revision, epoch })?;
            rebuild.swap()
        })
        .await
}
