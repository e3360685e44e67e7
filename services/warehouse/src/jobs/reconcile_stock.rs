//! Runs the comparisons that `rpc/reconcile_stock` asked for: levels against the sums of their movements.

use crate::App;
use crate::domain::level::Level;
use crate::save;
use crate::store::levels;
use crate::store::reconcile::{self, Truth};
use fault::{Fault, context};
use kernel::id::Id;
use pg::Tx;
use pg::operations::{self, Operation};
use prost::Message;
use tokio_util::sync::CancellationToken;
use warehouse_api::v1::{ReconcileStockReport, ReconcileStockRequest, StockDrift};

/// Operations that were asked for.
pub const KIND: &str = "reconcile_stock";

/// Levels of one transaction, so that nobody waits long for their locks.
const CHUNK: i64 = 200;

/// Most levels that a report names.
const MAX_NAMED: usize = 100;

/// Runs comparisons until the process ends.
pub async fn reconcile_stock(app: App, ending: CancellationToken) {
    // A counter that is not there before it is raised does not seem to rise.
    drifted().increment(0);
    while !ending.is_cancelled() {
        let context = context::Context::of_service("warehouse");
        if let Err(fault) = context::scope(context, round(&app)).await {
            tracing::warn!("reconciling stock failed, trying again: {}", fault.chain());
        }
        ending.run_until_cancelled(app.db.until_due()).await;
    }
}

fn drifted() -> metrics::Counter {
    metrics::counter!("warehouse_drift_levels_total")
}

async fn round(app: &App) -> Result<(), Fault> {
    if !app.db.due().await?.is_free(KIND) {
        return Ok(());
    }
    let take_up = async |tx: &mut Tx| operations::take_up(tx, KIND).await;
    let Some(operation) = app.db.write("warehouse.take_up", take_up).await? else { return Ok(()) };
    let work = Box::pin(run(app, &operation));
    if let Err(fault) = operations::with_lease(&app.db, &operation, work).await {
        tracing::warn!("a comparison failed: {}", fault.chain());
        let end = async |tx: &mut Tx| match operations::renew(tx, &operation).await? {
            true => operations::fail(tx, operation.id, fault.message()).await,
            false => Ok(()),
        };
        app.db.write("warehouse.fail_reconcile", end).await?;
    }
    app.db.wake();
    Ok(())
}

async fn run(app: &App, operation: &Operation) -> Result<(), Fault> {
    let bytes = operation.request.as_deref().unwrap_or_default();
    let request = ReconcileStockRequest::decode(bytes).map_err(Fault::internal)?;
    let request = &request;
    let mut report =
        ReconcileStockReport { repaired: !request.validate_only, ..Default::default() };
    let mut after = Id::from_uuid(uuid::Uuid::nil());
    loop {
        let chunk = app
            .db
            .write("warehouse.reconcile", async |tx| compare(tx, request, after).await)
            .await?;
        let Some(last) = chunk.last else { break };
        after = last;
        report.compared += chunk.compared;
        report.different += i64::try_from(chunk.drifts.len()).unwrap_or(i64::MAX);
        let room = MAX_NAMED - report.drifts.len();
        report.drifts.extend(chunk.drifts.into_iter().take(room));
        let (id, done) = (operation.id, report.compared);
        app.db
            .write("warehouse.reconcile_progress", async |tx| {
                operations::progress(tx, id, done, 0, "comparing levels").await
            })
            .await?;
    }
    drifted().increment(u64::try_from(report.different).unwrap_or_default());
    if report.different > 0 {
        tracing::warn!(different = report.different, "levels differed from their ledger");
    }
    let (id, report, thresholds_due) = (operation.id, &report, app.thresholds_due.clone());
    app.db
        .write("warehouse.reconciled", async |tx| {
            reconcile::look_at_thresholds(tx).await?;
            tx.notify_after_commit(thresholds_due.clone());
            operations::succeed(tx, id, Some(report)).await
        })
        .await
}

/// What a transaction found.
#[derive(Debug, Default)]
struct Chunk {
    last: Option<Id<Level>>,
    compared: i64,
    drifts: Vec<StockDrift>,
}

/// Compares the next levels. Nobody changes them meanwhile: they are locked.
async fn compare(
    tx: &mut Tx,
    request: &ReconcileStockRequest,
    after: Id<Level>,
) -> Result<Chunk, Fault> {
    let (warehouse_id, sku) = (&request.warehouse_id, &request.sku);
    let locked = reconcile::lock_next(tx, warehouse_id, sku, after, CHUNK).await?;
    let mut chunk = Chunk { last: locked.last().map(|level| level.head.id), ..Chunk::default() };
    let mut ledger = levels::sweep(tx, locked).await?;
    let ids: Vec<Id<Level>> = ledger.levels().map(|level| level.head.id).collect();
    let swept: Vec<_> = ledger.movements().iter().map(|own| (own.stock_id, own.delta)).collect();
    for truth in reconcile::truths(tx, &ids).await? {
        let level = ledger.level(truth.stock_id)?.clone();
        // What was just let go of is in the level and not yet in the ledger.
        let truth = swept
            .iter()
            .filter(|(id, _)| *id == truth.stock_id)
            .fold(truth, |truth, (_, delta)| truth.plus(*delta));
        chunk.compared += 1;
        let Some(drift) = drift(&level, &truth) else { continue };
        if !request.validate_only {
            ledger.repair(truth.stock_id, truth.quantities)?;
        }
        chunk.drifts.push(drift);
    }
    save::ledger(tx, ledger).await?;
    Ok(chunk)
}

fn drift(level: &Level, truth: &Truth) -> Option<StockDrift> {
    let own = StockDrift {
        sku: level.sku.to_string(),
        warehouse_id: level.warehouse_id.to_string(),
        on_hand: level.on_hand - truth.quantities.on_hand,
        allocated: level.allocated - truth.quantities.allocated,
        reserved: level.reserved - truth.quantities.reserved,
        unheld: truth.quantities.reserved - truth.held,
    };
    let differs = (own.on_hand, own.allocated, own.reserved, own.unheld) != (0, 0, 0, 0);
    differs.then_some(own)
}
