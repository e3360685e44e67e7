//! Gives levels the threshold that SKU, categories and warehouse say now.

use crate::App;
use crate::domain::level::Level;
use crate::save;
use crate::store::{levels, reconcile, thresholds};
use fault::{Fault, context};
use pg::Tx;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// SKUs of one transaction.
const CHUNK: i64 = 100;

/// How often it looks without being told.
const INTERVAL: Duration = Duration::from_secs(5);

/// Looks until the process ends.
pub async fn keep_thresholds(app: App, ending: CancellationToken) {
    while !ending.is_cancelled() {
        let told = app.thresholds_due.notified();
        let context = context::Context::of_service("warehouse");
        if let Err(fault) = context::scope(context, round(&app)).await {
            tracing::warn!("keeping thresholds failed, trying again: {}", fault.chain());
        }
        let told = tokio::time::timeout(INTERVAL, told);
        ending.run_until_cancelled(told).await;
    }
}

/// Looks at all that is due.
pub async fn round(app: &App) -> Result<(), Fault> {
    let default = app.settings.low_stock_threshold;
    while app.db.write("warehouse.keep_thresholds", async |tx| keep(tx, default).await).await? > 0 {
    }
    Ok(())
}

async fn keep(tx: &mut Tx, default: i64) -> Result<usize, Fault> {
    let skus = thresholds::take_due(tx, CHUNK).await?;
    if skus.is_empty() {
        return Ok(0);
    }
    let locked: Vec<Level> = reconcile::lock_of_skus(tx, &skus).await?;
    let now = thresholds::find(tx, &skus).await?;
    let mut ledger = levels::sweep(tx, locked).await?;
    let wanted: Vec<_> = ledger
        .levels()
        .map(|level| {
            (level.head.id, level.settings, now.of(&level.sku, level.warehouse_id, default))
        })
        .collect();
    for (id, settings, threshold) in wanted {
        ledger.set(id, settings, threshold)?;
    }
    save::ledger(tx, ledger).await?;
    Ok(skus.len())
}
