//! Keeps what lists are filtered and sorted by, at most 2 s behind.

use crate::App;
use crate::answers;
use crate::domain::listed::{Listed, PriceOf, amounts};
use crate::domain::product::Product;
use crate::store::{display, list};
use crate::wire::detail;
use chrono::{DateTime, Utc};
use fault::{Fault, context};
use kernel::id::Id;
use pg::Tx;
use std::collections::HashMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Entries of one transaction.
const CHUNK: i64 = 500;
/// How often it looks without being told.
const INTERVAL: Duration = Duration::from_secs(2);
/// Time until it looks again where another process was looking.
const PAUSE: Duration = Duration::from_millis(200);

/// Looks until the process ends.
pub async fn keep_list(app: App, ending: CancellationToken) {
    while !ending.is_cancelled() {
        let told = app.list_due.notified();
        let context = context::Context::of_service("catalog");
        let pause = context::scope(context, round(&app)).await.unwrap_or_else(|fault| {
            tracing::warn!("keeping lists failed, trying again: {}", fault.chain());
            INTERVAL
        });
        ending.run_until_cancelled(tokio::time::timeout(pause, told)).await;
    }
}

/// Looks at all that is due; returns the time until there may be more.
pub async fn round(app: &App) -> Result<Duration, Fault> {
    loop {
        let (due, now) = app
            .db
            .look_up("catalog.list_due", async |tx| Ok((list::due(tx).await?, tx.now().await?)))
            .await?;
        let until = due.next_edge.map(|edge| (edge - now).to_std().unwrap_or_default());
        if !due.is_due && until.is_none_or(|until| !until.is_zero()) {
            return Ok(until.unwrap_or(INTERVAL).min(INTERVAL));
        }
        match app.db.write("catalog.keep_list", keep).await? {
            Some(kept) => answers::lists_changed(app, kept.iter().copied()).await,
            None => return Ok(PAUSE),
        }
    }
}

/// The products that were looked at; none: another process is looking.
async fn keep(tx: &mut Tx) -> Result<Option<Vec<Id<Product>>>, Fault> {
    if !list::try_lock(tx).await? {
        return Ok(None);
    }
    let now = tx.now().await?;
    let taken = list::take(tx, CHUNK, now).await?;
    let ids: Vec<Id<Product>> = taken.iter().map(|own| own.product_id).collect();
    let listed = look_at(tx, &ids, now).await?;
    list::save(tx, &ids, &listed).await?;
    let written = tx.now().await?;
    for own in &taken {
        let lag = (written - own.since).to_std().unwrap_or_default();
        metrics::histogram!("catalog_list_lag_seconds").record(lag);
    }
    Ok(Some(ids))
}

async fn look_at(
    tx: &mut Tx,
    ids: &[Id<Product>],
    now: DateTime<Utc>,
) -> Result<Vec<Listed>, Fault> {
    let seen = list::look_at(tx, ids).await?;
    let mut prices: HashMap<Id<Product>, Vec<PriceOf>> = HashMap::new();
    for (product_id, price) in display::prices_of(tx, ids).await? {
        if let Some(row) = detail::row(&price) {
            prices.entry(product_id).or_default().push((price.variant_id, row));
        }
    }
    let listed = seen.into_iter().map(|(mut listed, variants)| {
        let own = prices.remove(&listed.product_id).unwrap_or_default();
        (listed.amounts, listed.next_edge) = amounts(&variants, &own, now);
        listed
    });
    Ok(listed.collect())
}
