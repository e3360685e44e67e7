//! Gauges of the differences that remain. For copies in the shared database every replica reads the report of the last comparison from
//! its operation: else the replica that compared before would go on showing what another one has repaired since. For its local copies
//! each replica shows what it found itself.

use super::request::{REPAIR, REPORT};
use super::{Projection, Reconciler};
use chrono::{DateTime, Utc};
use contracts::operations::v1::{DriftReport, ProjectionDrift};
use fault::Fault;
use pg::operations;
use std::sync::atomic::Ordering;

impl<P: Projection> Reconciler<P> {
    /// Sets the gauges periodically; never returns.
    pub(super) async fn show_remaining(&self) {
        // Read again whenever an operation has ended.
        let mut shown = None;
        loop {
            self.round("looking for the last comparison", self.show_if_changed(&mut shown)).await;
            self.db.until_due().await;
        }
    }

    async fn show_if_changed(
        &self,
        shown: &mut Option<(Option<DateTime<Utc>>, i64)>,
    ) -> Result<(), Fault> {
        let local = self.local_remaining.load(Ordering::Relaxed);
        let now = (self.db.due().await?.ended_at, local);
        if *shown != Some(now) {
            self.show_last().await?;
            *shown = Some(now);
        }
        Ok(())
    }

    async fn show_last(&self) -> Result<(), Fault> {
        let last = async |tx: &mut pg::Tx| operations::last_succeeded(tx, &[REPORT, REPAIR]).await;
        let last = self.db.read("reconcile.last", last).await?;
        let report = last.and_then(|operation| operation.result::<DriftReport>());
        // Reports of older binaries do not have these counts.
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
        let mut total = self.local_remaining.load(Ordering::Relaxed);
        for drift in shared {
            total += remaining(drift);
            self.set_remaining(drift);
        }
        if let Some(set) = self.total {
            set(float(total));
        }
        Ok(())
    }

    pub(super) fn set_remaining(&self, drift: &ProjectionDrift) {
        metrics::gauge!("projection_drift",
            "service" => self.db.service(), "projection" => drift.projection.clone())
        .set(float(remaining(drift)));
    }
}

/// Differences that were not repaired.
pub(super) fn remaining(drift: &ProjectionDrift) -> i64 {
    drift.differences - drift.repaired
}

fn float(count: i64) -> f64 {
    f64::from(i32::try_from(count).unwrap_or(i32::MAX))
}
