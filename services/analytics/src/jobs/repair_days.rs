//! Runs the repairs that `rpc/repair_day` asked for, and once a day that of the day before.

use crate::App;
use crate::domain::event::Horizon;
use crate::repair::{Drift, path, repair};
use analytics_api::v1::{RepairDayRequest, RepairReport};
use chrono::NaiveDate;
use fault::{Fault, context};
use pg::operations::{self, Operation};
use prost::Message;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Operations that were asked for.
pub const KIND: &str = "repair_day";

/// Operations by schedule, of the day before.
const SCHEDULED: &str = "repair_yesterday";

/// How often it is looked whether one by schedule is due.
const LOOK_INTERVAL: Duration = Duration::from_secs(600);

/// How often there is one by schedule.
const EVERY: Duration = Duration::from_secs(24 * 3600);

/// Most counters that a report names.
const MAX_NAMED: usize = 100;

/// Runs repairs until the process ends.
pub async fn repair_days(app: App, ending: CancellationToken) {
    // A counter that is not there before it is raised does not seem to rise.
    drifted().increment(0);
    let mut looked: Option<Instant> = None;
    while !ending.is_cancelled() {
        let work = round(&app, &mut looked);
        if let Err(fault) = context::scope(context::Context::of_service("analytics"), work).await {
            tracing::warn!("repairing counters failed, trying again: {}", fault.chain());
        }
        ending.run_until_cancelled(app.db.until_due()).await;
    }
}

fn drifted() -> metrics::Counter {
    metrics::counter!("analytics_drift_counters_total")
}

async fn round(app: &App, looked: &mut Option<Instant>) -> Result<(), Fault> {
    if looked.is_none_or(|at| at.elapsed() > LOOK_INTERVAL) {
        let start = async |tx: &mut pg::Tx| operations::start_if_due(tx, SCHEDULED, EVERY).await;
        app.db.write("analytics.schedule_repair", start).await?;
        *looked = Some(Instant::now());
    }
    for kind in [KIND, SCHEDULED] {
        if !app.db.due().await?.is_free(kind) {
            continue;
        }
        let take_up = async |tx: &mut pg::Tx| operations::take_up(tx, kind).await;
        if let Some(operation) = app.db.write("analytics.take_up", take_up).await? {
            let work = Box::pin(run(app, &operation));
            if let Err(fault) = operations::with_lease(&app.db, &operation, work).await {
                tracing::warn!("a repair failed: {}", fault.chain());
                fail(app, &operation, &fault).await?;
            }
            // Its report is to be shown, and another one may wait.
            app.db.wake();
        }
    }
    Ok(())
}

async fn run(app: &App, operation: &Operation) -> Result<(), Fault> {
    let horizon = app.horizon().await?;
    let (day, only_compare) = asked(operation, horizon)?;
    let id = operation.id;
    let different = app
        .db
        .write("analytics.repair", async move |tx| {
            let drift = repair(app, tx, day, horizon, only_compare).await?;
            let report = report(&drift, day, !only_compare);
            operations::succeed(tx, id, Some(&report)).await?;
            Ok(report.different)
        })
        .await?;
    drifted().increment(u64::try_from(different).unwrap_or_default());
    if different > 0 {
        tracing::warn!(%day, different, "counters differed from the events of the day");
    }
    Ok(())
}

/// Ends an operation, unless another process has taken it up.
async fn fail(app: &App, operation: &Operation, fault: &Fault) -> Result<(), Fault> {
    let end = async |tx: &mut pg::Tx| match operations::renew(tx, operation).await? {
        true => operations::fail(tx, operation.id, fault.message()).await,
        false => Ok(()),
    };
    app.db.write("analytics.fail_repair", end).await
}

/// The day of an operation, and whether nothing is to be changed.
fn asked(operation: &Operation, horizon: Horizon) -> Result<(NaiveDate, bool), Fault> {
    let Some(bytes) = &operation.request else {
        let yesterday = horizon.now.date_naive().pred_opt();
        return Ok((yesterday.unwrap_or_default(), false));
    };
    let request = RepairDayRequest::decode(bytes.as_slice()).map_err(Fault::internal)?;
    Ok((request.day.parse().map_err(Fault::internal)?, request.validate_only))
}

fn report(drift: &Drift, day: NaiveDate, repaired: bool) -> RepairReport {
    RepairReport {
        day: day.to_string(),
        events: drift.events,
        differences: drift.missing.0.keys().take(MAX_NAMED).map(path).collect(),
        different: i64::try_from(drift.missing.0.len()).unwrap_or(i64::MAX),
        repaired,
    }
}
