//! What differs still, as gauges. Every replica shows the same of what all of them share: what the last comparison came to, as it
//! is kept with its operation. Else whoever compared it before would go on showing what another one has repaired since. Of what
//! each has for itself each shows what it found.

use super::ask::{REPAIR, REPORT};
use super::{Projection, Reconciler};
use contracts::operations::v1::{DriftReport, ProjectionDrift};
use fault::Fault;
use pg::operations;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Between two looks at the last comparison.
const EVERY: Duration = Duration::from_secs(5);

impl<P: Projection> Reconciler<P> {
    /// Shows it for ever.
    pub(super) async fn show_left(&self) {
        loop {
            self.round("looking for the last comparison", self.show_last()).await;
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn show_last(&self) -> Result<(), Fault> {
        let last = async |tx: &mut pg::Tx| operations::last_succeeded(tx, &[REPORT, REPAIR]).await;
        let last = self.db.read("reconcile.last", last).await?;
        let report = last.and_then(|operation| operation.result::<DriftReport>());
        // A binary that was older than these counts has left none.
        let Some(report) = report.filter(|report| !report.projections.is_empty()) else {
            return Ok(());
        };
        let own: Vec<&str> = self
            .projections
            .iter()
            .filter(|projection| projection.is_local())
            .map(Projection::name)
            .collect();
        let shared = report.projections.iter().filter(|d| !own.contains(&d.projection.as_str()));
        let mut total = self.own_left.load(Ordering::Relaxed);
        for drift in shared {
            total += left(drift);
            self.set_left(drift);
        }
        if let Some(tell) = self.total {
            tell(float(total));
        }
        Ok(())
    }

    pub(super) fn set_left(&self, drift: &ProjectionDrift) {
        metrics::gauge!("projection_drift",
            "service" => self.db.service(), "projection" => drift.projection.clone())
        .set(float(left(drift)));
    }
}

/// Differences that no repair has ended.
pub(super) fn left(drift: &ProjectionDrift) -> i64 {
    drift.differences - drift.repaired
}

fn float(count: i64) -> f64 {
    f64::from(i32::try_from(count).unwrap_or(i32::MAX))
}
