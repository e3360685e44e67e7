//! Keeps this replica's index like the table: reads upwards by revision and indexes what it finds. The index remembers how
//! far it is, so a start after a crash and a start from nothing are one code path.

use crate::App;
use crate::domain::document::assemble;
use crate::domain::shared::Shared;
use crate::engine::{Change, Checkpoint};
use crate::store::documents::{self, Life, Stored};
use crate::store::shared;
use chrono::Utc;
use fault::Fault;
use pg::{Tx, operations};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Documents that are read and indexed at once.
pub const BATCH: i64 = 500;
/// Least time between two commits of the index: each costs milliseconds, whatever it holds.
const PAUSE: Duration = Duration::from_millis(30);
/// How often the table is looked at while nobody says that it changed, as another replica's consumer may have done.
const POLL: Duration = Duration::from_millis(100);
/// How often it is looked at after somebody said so: the word comes before the commit.
const ALERT: Duration = Duration::from_millis(5);
/// How long to stay alert.
const ALERT_FOR: Duration = Duration::from_millis(500);

/// Follows until the process ends.
pub async fn follow_table(app: App, ending: CancellationToken) {
    let mut alert_until = Instant::now();
    while !ending.is_cancelled() {
        let begun = Instant::now();
        match step(&app).await {
            Ok(true) => sleep(PAUSE.saturating_sub(begun.elapsed())).await,
            Ok(false) => {
                let nap = if Instant::now() < alert_until { ALERT } else { POLL };
                if timeout(nap, app.index.woken()).await.is_ok() {
                    alert_until = Instant::now() + ALERT_FOR;
                }
            }
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
    let Next { found, shared, life } = next(app, at.revision).await?;
    if at.epoch != life.epoch {
        // Another life of the table: what is indexed has nothing to do with it.
        drop(writing);
        fill(app, life.epoch, None).await?;
        app.index.set_filled();
        return Ok(true);
    }
    let Some(last) = found.last().map(|stored| stored.revision) else {
        app.index.set_filled();
        return Ok(false);
    };
    let changes = changes(&found, &shared)?;
    metrics::counter!("search_indexed_documents_total").increment(found.len() as u64);
    let upto = Checkpoint { revision: last, epoch: life.epoch };
    app.index.run(move |engine| engine.index(changes, upto)).await?;
    Ok(true)
}

/// Documents to index.
struct Next {
    found: Vec<Stored>,
    shared: Arc<Shared>,
    life: Life,
}

/// The documents after a revision, and what they share. That is read after them: the transaction that renames a brand gives
/// its documents their new revisions, and whoever saw these must not index them with the old name.
async fn next(app: &App, revision: i64) -> Result<Next, Fault> {
    let (found, life) = app
        .db
        .read("search.follow", async |tx| {
            let found = documents::after(tx, revision, BATCH).await?;
            Ok((found, documents::life(tx).await?))
        })
        .await?;
    if let Some(shared) = app.index.shared_at(life) {
        return Ok(Next { found, shared, life });
    }
    let read = app.db.read("search.shared", async |tx| shared::load(tx).await).await?;
    Ok(Next { found, shared: app.index.share(life, read), life })
}

fn changes(found: &[Stored], shared: &Shared) -> Result<Vec<Change>, Fault> {
    found.iter().map(|stored| change(stored, shared)).collect()
}

fn change(stored: &Stored, shared: &Shared) -> Result<Change, Fault> {
    let Stored { product_id, revision, entries } = stored;
    let document = assemble(*product_id, *revision, entries, shared, Utc::now())?;
    Ok(document.map_or(Change::Remove(*product_id), |document| Change::Put(Box::new(document))))
}

/// Fills a new index from the whole table beside the live one and swaps it in. Searches see the old one until then. How far
/// it is goes into the operation that asked for it, if one did.
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
            // Caught up but for what the follower writes this moment: from here on it waits.
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
