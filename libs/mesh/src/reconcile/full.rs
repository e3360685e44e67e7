//! Compares whole projections.

use super::compare::Drift;
use super::left::left;
use super::settle::Settled;
use super::{Projection, Reconciler, look};
use contracts::operations::v1::{self as message, DriftReport, ProjectionDrift};
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
        let mut own = 0;
        for projection in projections {
            let drift = self.whole(projection, repair, compared, &mut report.drifts).await?;
            report.differences += drift.differences;
            report.repaired += drift.repaired;
            if projection.is_local() {
                own += left(&drift);
                self.set_left(&drift);
            }
            report.projections.push(drift);
        }
        self.own_left.store(own, Ordering::Relaxed);
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
        reported: &mut Vec<message::Drift>,
    ) -> Result<ProjectionDrift, Fault> {
        let (mut after, mut suspects) = (String::new(), Vec::<Drift>::new());
        let name = projection.name().to_owned();
        let mut drift = ProjectionDrift { projection: name, ..ProjectionDrift::default() };
        loop {
            let (page, next) = look::page(projection, &after).await?;
            compared.fetch_add(page.keys, Ordering::Relaxed);
            self.count(projection, page.keys);
            suspects.extend(page.drifts);
            if next.is_none() || suspects.len() >= GATHERED {
                let gathered = std::mem::take(&mut suspects);
                let settled = self.settle(projection, gathered, repair).await?;
                add(&mut drift, reported, &settled);
            }
            let Some(next) = next else { return Ok(drift) };
            after = next;
        }
    }

    /// Adds to the number of aggregates that were ever compared.
    pub(super) fn count(&self, projection: &P, keys: i64) {
        metrics::counter!("projection_compared_total",
            "service" => self.db.service(), "projection" => projection.name())
        .increment(keys.try_into().unwrap_or_default());
    }
}

fn add(drift: &mut ProjectionDrift, reported: &mut Vec<message::Drift>, settled: &Settled) {
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    drift.differences += count(settled.confirmed.len());
    drift.repaired += count(settled.repaired);
    let room = REPORTED.saturating_sub(reported.len());
    let shown = settled.confirmed.iter().take(room);
    reported.extend(shown.map(|found| found.message(&drift.projection)));
}
