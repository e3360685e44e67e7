//! Notices holds whose time is up: frees their units and says so. Nothing waits for it: whoever reads or reserves leaves such holds out by
//! itself.

use crate::App;
use crate::open::Open;
use crate::store::reservations;
use diesel_async::RunQueryDsl;
use fault::{Fault, context};
use pg::{Tx, statement};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Holds of one transaction, so that nobody waits long for its locks.
const CHUNK: i64 = 100;

/// How long it sleeps at most: holds of other replicas expire too.
const LONGEST: Duration = Duration::from_secs(5);

/// Sweeps until the process ends.
pub async fn sweep_expired(app: App, ending: CancellationToken) {
    while !ending.is_cancelled() {
        let held = app.held.notified();
        let context = context::Context::of_service("warehouse");
        let pause = match context::scope(context, round(&app)).await {
            Ok(pause) => pause,
            Err(fault) => {
                tracing::warn!("sweeping holds failed, trying again: {}", fault.chain());
                LONGEST
            }
        };
        // A new hold may expire before the next round.
        let sleep = async {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = held => {}
            }
        };
        ending.run_until_cancelled(sleep).await;
    }
}

/// Sweeps what is due; returns how long nothing is.
pub async fn round(app: &App) -> Result<Duration, Fault> {
    loop {
        let swept = app.db.write("warehouse.sweep", async |tx| sweep(tx).await).await?;
        metrics::counter!("warehouse_expired_reservations_total")
            .increment(u64::try_from(swept).unwrap_or_default());
        if swept < CHUNK {
            break;
        }
    }
    let (next, now) = app
        .db
        .read("warehouse.next_expiry", async |tx| {
            Ok((reservations::next_expiry(tx).await?, tx.now().await?))
        })
        .await?;
    let until = next.map(|next| (next - now).to_std().unwrap_or_default());
    Ok(until.unwrap_or(LONGEST).clamp(Duration::from_millis(20), LONGEST))
}

/// One chunk, by one replica at a time; returns how many holds had expired.
async fn sweep(tx: &mut Tx) -> Result<i64, Fault> {
    statement("select pg_advisory_xact_lock(hashtext('warehouse.sweep'))")
        .execute(tx.conn())
        .await?;
    let now = tx.now().await?;
    let ids = reservations::expired(tx, now, CHUNK).await?;
    if ids.is_empty() {
        return Ok(0);
    }
    let open = Open::all(tx, &ids).await?;
    open.decide(tx, |own, ledger| own.expire(ledger)).await?;
    Ok(i64::try_from(ids.len()).unwrap_or(CHUNK))
}
