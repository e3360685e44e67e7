//! Compares all of a projection.

use super::compare::Drift;
use super::confirm::Outcome;
use super::remaining::remaining;
use super::{Projection, Reconciler, pages};
use contracts::operations::v1::{self as message, DriftReport, ProjectionDrift};
use fault::Fault;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

/// Most differences that a report lists one by one.
const MAX_REPORTED: usize = 1_000;
/// Differences that are collected before they are compared again: a pause after every page would make a run take hours.
const MAX_CANDIDATES: usize = 5_000;

impl<P: Projection> Reconciler<P> {
    /// Compares the projections one after the other. `compared` is increased while it runs.
    pub(super) async fn full(
        &self,
        projections: impl Iterator<Item = &P>,
        repair: bool,
        compared: &AtomicI64,
    ) -> Result<DriftReport, Fault> {
        let started = Instant::now();
        let mut report = DriftReport::default();
        let mut local = 0;
        for projection in projections {
            let drift = self.compare_all(projection, repair, compared, &mut report.drifts).await?;
            report.differences += drift.differences;
            report.repaired += drift.repaired;
            report.late += drift.late;
            if projection.is_local() {
                local += remaining(&drift);
                self.set_remaining(&drift);
            }
            report.projections.push(drift);
        }
        self.local_remaining.store(local, Ordering::Relaxed);
        report.compared = compared.load(Ordering::Relaxed);
        metrics::histogram!("projection_reconcile_seconds", "service" => self.db.service(), "run" => "full")
            .record(started.elapsed());
        Ok(report)
    }

    async fn compare_all(
        &self,
        projection: &P,
        repair: bool,
        compared: &AtomicI64,
        reported: &mut Vec<message::Drift>,
    ) -> Result<ProjectionDrift, Fault> {
        let (mut after, mut candidates) = (String::new(), Vec::<Drift>::new());
        let name = projection.name().to_owned();
        let mut drift = ProjectionDrift { projection: name, ..ProjectionDrift::default() };
        loop {
            let (page, next) = pages::page(projection, &after).await?;
            compared.fetch_add(page.keys, Ordering::Relaxed);
            self.count(projection, page.keys);
            candidates.extend(page.drifts);
            if next.is_none() || candidates.len() >= MAX_CANDIDATES {
                let collected = std::mem::take(&mut candidates);
                let outcome = self.confirm(projection, collected, repair).await?;
                add(&mut drift, reported, &outcome);
            }
            let Some(next) = next else { return Ok(drift) };
            after = next;
        }
    }

    /// Increases the counter of compared aggregates.
    pub(super) fn count(&self, projection: &P, keys: i64) {
        metrics::counter!("projection_compared_total",
            "service" => self.db.service(), "projection" => projection.name())
        .increment(keys.try_into().unwrap_or_default());
    }
}

fn add(drift: &mut ProjectionDrift, reported: &mut Vec<message::Drift>, outcome: &Outcome) {
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    drift.differences += count(outcome.confirmed.len());
    drift.repaired += count(outcome.repaired);
    drift.late += count(outcome.late);
    let room = MAX_REPORTED.saturating_sub(reported.len());
    let shown = outcome.confirmed.iter().take(room);
    reported.extend(shown.map(|found| found.message(&drift.projection)));
}
