//! Looks at products whose stock changed, and says so where the status is another one.

use crate::App;
use crate::domain::stock::ProductStock;
use crate::store::product_stock;
use fault::{Fault, context};
use kernel::id::Id;
use pg::Tx;
use pg::entity::{self, Lock};
use std::collections::HashMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Products of one transaction.
const CHUNK: i64 = 200;

/// How often it looks without being told.
const INTERVAL: Duration = Duration::from_secs(5);

/// Looks until the process ends.
pub async fn keep_stock_status(app: App, ending: CancellationToken) {
    while !ending.is_cancelled() {
        let told = app.stock_due.notified();
        let context = context::Context::of_service("catalog");
        if let Err(fault) = context::scope(context, round(&app)).await {
            tracing::warn!("keeping stock status failed, trying again: {}", fault.chain());
        }
        ending.run_until_cancelled(tokio::time::timeout(INTERVAL, told)).await;
    }
}

/// Looks at all that is due.
pub async fn round(app: &App) -> Result<(), Fault> {
    let default = app.low_stock_threshold;
    while app.db.write("catalog.keep_stock_status", async |tx| keep(tx, default).await).await? > 0 {
    }
    Ok(())
}

async fn keep(tx: &mut Tx, default: i64) -> Result<usize, Fault> {
    let due = product_stock::take_due(tx, CHUNK).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let ids: Vec<Id<ProductStock>> = due.iter().map(|id| Id::from_uuid(id.uuid())).collect();
    let known: Vec<ProductStock> = entity::lock_all(tx, &ids, Lock::Change).await?;
    let mut known: HashMap<_, _> = known.into_iter().map(|own| (own.head.id.uuid(), own)).collect();
    let now = tx.now().await?;
    let mut changed = Vec::new();
    for measured in product_stock::measure(tx, &due).await? {
        let threshold = measured.threshold.unwrap_or(default);
        match known.remove(&measured.product_id.uuid()) {
            Some(mut own) => {
                let change = own.update(measured.units, threshold, now);
                changed.extend(change.map(|change| (own, change)));
            }
            None => {
                changed.push(ProductStock::first(
                    measured.product_id,
                    measured.units,
                    threshold,
                    now,
                ));
            }
        }
    }
    let changed: Vec<_> = changed.iter().map(|(own, change)| (own, change)).collect();
    entity::save_all(tx, &changed).await?;
    Ok(due.len())
}
