//! Compares again what differed once; what still differs is confirmed: counted, repaired, and checked after the repair.

use super::compare::{Drift, confirmed, label};
use super::{Projection, Reconciler, pages};
use fault::Fault;
use std::time::Duration;

/// How often a repaired aggregate is checked before the repair counts as failed: the republished event has to wait behind all
/// events that were published before it.
const MAX_CHECKS_AFTER_REPAIR: u32 = 5;

/// The outcome for a list of differences.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Those that were found twice.
    pub confirmed: Vec<Drift>,
    /// How many of them no longer differed after their repair.
    pub repaired: usize,
}

impl<P: Projection> Reconciler<P> {
    /// Waits and compares again; has what still differs repaired, if `repair` is set.
    pub(super) async fn confirm(
        &self,
        projection: &P,
        candidates: Vec<Drift>,
        repair: bool,
    ) -> Result<Outcome, Fault> {
        if candidates.is_empty() {
            return Ok(Outcome::default());
        }
        self.pause().await;
        let second = pages::again(projection, &keys(&candidates)).await?;
        let confirmed = confirmed(candidates, second);
        self.note(projection, &confirmed);
        if confirmed.is_empty() || !repair {
            return Ok(Outcome { confirmed, repaired: 0 });
        }
        projection.repair(&confirmed).await?;
        let remaining = self.remaining(projection, &confirmed).await?;
        let repaired = confirmed.len().saturating_sub(remaining);
        metrics::counter!("projection_repaired_total",
            "service" => self.db.service(), "projection" => projection.name())
        .increment(repaired.try_into().unwrap_or(u64::MAX));
        Ok(Outcome { confirmed, repaired })
    }

    /// How many still differ after their repair. One that was equal at any check counts as repaired, even if it changes later.
    async fn remaining(&self, projection: &P, drifts: &[Drift]) -> Result<usize, Fault> {
        let mut remaining = keys(drifts);
        for _ in 0..MAX_CHECKS_AFTER_REPAIR {
            self.pause().await;
            remaining = keys(&pages::again(projection, &remaining).await?);
            if remaining.is_empty() {
                return Ok(0);
            }
        }
        let (service, name, n) = (self.db.service(), projection.name(), remaining.len());
        tracing::error!(service, projection = name, n, "copies still differ after their repair");
        Ok(remaining.len())
    }

    async fn pause(&self) {
        tokio::time::sleep(Duration::from_secs(self.settings.confirm_seconds)).await;
    }

    fn note(&self, projection: &P, confirmed: &[Drift]) {
        let (service, name) = (self.db.service(), projection.name());
        for drift in confirmed {
            metrics::counter!("projection_drift_found_total",
                "service" => service, "projection" => name, "kind" => label(drift.kind))
            .increment(1);
        }
        if let Some(first) = confirmed.first() {
            let (n, key, kind) = (confirmed.len(), &first.key, label(first.kind));
            tracing::warn!(service, projection = name, n, first = %key, kind, "copies differ from their owner");
        }
    }
}

fn keys(drifts: &[Drift]) -> Vec<String> {
    drifts.iter().map(|drift| drift.key.clone()).collect()
}
