//! What becomes of what differed once: looked at again, counted, repaired, and looked at once more.

use super::compare::{Drift, confirmed, word};
use super::{Projection, Reconciler, look};
use fault::Fault;
use std::time::Duration;

/// Looks after a repair: the owner's word comes by the usual way, behind whatever is there already.
const LOOKS_AFTER: u32 = 5;

/// What was made of suspects.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Those that were found twice.
    pub confirmed: Vec<Drift>,
    /// How many of them were gone after their repair.
    pub repaired: usize,
}

impl<P: Projection> Reconciler<P> {
    /// Waits and looks at suspects again; has those repaired that still differ, where `repair`.
    pub(super) async fn settle(
        &self,
        projection: &P,
        suspects: Vec<Drift>,
        repair: bool,
    ) -> Result<Settled, Fault> {
        if suspects.is_empty() {
            return Ok(Settled::default());
        }
        self.pause().await;
        let second = look::again(projection, &keys(&suspects)).await?;
        let confirmed = confirmed(suspects, second);
        self.note(projection, &confirmed);
        if confirmed.is_empty() || !repair {
            return Ok(Settled { confirmed, repaired: 0 });
        }
        projection.repair(&confirmed).await?;
        let left = self.left(projection, &confirmed).await?;
        let repaired = confirmed.len().saturating_sub(left);
        metrics::counter!("projection_repaired_total",
            "service" => self.db.service(), "projection" => projection.name())
        .increment(repaired.try_into().unwrap_or(u64::MAX));
        Ok(Settled { confirmed, repaired })
    }

    /// How many still differ after their repair. One that was right at any look is repaired, whatever happens to it later.
    async fn left(&self, projection: &P, drifts: &[Drift]) -> Result<usize, Fault> {
        let mut left = keys(drifts);
        for _ in 0..LOOKS_AFTER {
            self.pause().await;
            left = keys(&look::again(projection, &left).await?);
            if left.is_empty() {
                return Ok(0);
            }
        }
        let (service, name, n) = (self.db.service(), projection.name(), left.len());
        tracing::error!(service, projection = name, n, "copies still differ after their repair");
        Ok(left.len())
    }

    async fn pause(&self) {
        tokio::time::sleep(Duration::from_secs(self.settings.confirm_seconds)).await;
    }

    fn note(&self, projection: &P, confirmed: &[Drift]) {
        let (service, name) = (self.db.service(), projection.name());
        for drift in confirmed {
            metrics::counter!("projection_drift_found_total",
                "service" => service, "projection" => name, "kind" => word(drift.kind))
            .increment(1);
        }
        if let Some(first) = confirmed.first() {
            let (n, key, kind) = (confirmed.len(), &first.key, word(first.kind));
            tracing::warn!(service, projection = name, n, first = %key, kind, "copies differ from their owner");
        }
    }
}

fn keys(drifts: &[Drift]) -> Vec<String> {
    drifts.iter().map(|drift| drift.key.clone()).collect()
}
