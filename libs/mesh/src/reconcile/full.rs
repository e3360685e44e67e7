//! Compares whole projections.

use super::compare::Drift;
use super::settle::Settled;
use super::{Projection, Reconciler, look};
use contracts::operations::v1::DriftReport;
use fault::Fault;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

/// Differences that a report holds one by one.
const REPORTED: usize = 1_000;
/// Suspects that are gathered before they are looked at again: a pause for every page would make a run take hours.
const GATHERED: usize = 5_000;

impl<P: Projection> Reconciler<P> {
    /// Compares the projections one after the other. `compared` counts on while it goes.
    pub(super) async fn full(
        &self,
        projections: impl Iterator<Item = &P>,
        repair: bool,
        compared: &AtomicI64,
    ) -> Result<DriftReport, Fault> {
        let begun = Instant::now();
        let mut report = DriftReport::default();
        for projection in projections {
            self.whole(projection, repair, compared, &mut report).await?;
        }
        report.compared = compared.load(Ordering::Relaxed);
        metrics::histogram!("projection_reconcile_seconds", "service" => self.db.service(), "run" => "full")
            .record(begun.elapsed());
        Ok(report)
    }

    async fn whole(
        &self,
        projection: &P,
        repair: bool,
        compared: &AtomicI64,
        report: &mut DriftReport,
    ) -> Result<(), Fault> {
        let (mut after, mut suspects) = (None, Vec::<Drift>::new());
        let before = report.differences - report.repaired;
        loop {
            let (page, next) = look::page(projection, after).await?;
            compared.fetch_add(page.ids, Ordering::Relaxed);
            self.count(projection, page.ids);
            suspects.extend(page.drifts);
            if next.is_none() || suspects.len() >= GATHERED {
                let gathered = std::mem::take(&mut suspects);
                let settled = self.settle(projection, gathered, repair).await?;
                add(report, projection.name(), &settled);
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        let left = report.differences - report.repaired - before;
        metrics::gauge!("projection_drift",
            "service" => self.db.service(), "projection" => projection.name())
        .set(float(left));
        Ok(())
    }

    /// Adds to the number of aggregates that were ever compared.
    pub(super) fn count(&self, projection: &P, ids: i64) {
        metrics::counter!("projection_compared_total",
            "service" => self.db.service(), "projection" => projection.name())
        .increment(ids.try_into().unwrap_or_default());
    }

    /// Sets the service's own gauge after a look at everything.
    pub(super) fn set_total(&self, report: &DriftReport) {
        if let Some(tell) = self.total {
            tell(float(report.differences - report.repaired));
        }
    }
}

fn add(report: &mut DriftReport, projection: &str, settled: &Settled) {
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    report.differences += count(settled.confirmed.len());
    report.repaired += count(settled.repaired);
    let room = REPORTED.saturating_sub(report.drifts.len());
    let shown = settled.confirmed.iter().take(room);
    report.drifts.extend(shown.map(|drift| drift.message(projection)));
}

fn float(count: i64) -> f64 {
    f64::from(i32::try_from(count).unwrap_or(i32::MAX))
}
