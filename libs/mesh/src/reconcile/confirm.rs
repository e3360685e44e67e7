//! Compares again what differed once; what still differs, although the copy is not late with it, is confirmed: counted, repaired, and
//! checked after the repair.

use super::compare::{Drift, confirmed, label};
use super::{Projection, Reconciler, pages};
use fault::Fault;
use std::collections::BTreeSet;
use std::time::Duration;

/// How often a repaired aggregate is checked before the repair counts as failed, unless its event is still on its way.
const MAX_CHECKS_AFTER_REPAIR: u32 = 5;

/// The outcome for a list of differences.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Those that were found twice, and that no event on its way explains.
    pub confirmed: Vec<Drift>,
    /// How many of them no longer differed after their repair.
    pub repaired: usize,
    /// How many others differ because the copy is late.
    pub late: usize,
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
        // Between the two readings: whatever the owner had published at the first one, and is not late now, the second one has
        // to find in the copy.
        let late = late(projection, &candidates).await?;
        let second = pages::again(projection, &keys(&candidates)).await?;
        let (second_late, second): (Vec<_>, Vec<_>) =
            second.into_iter().partition(|drift| late.contains(&drift.key));
        let late = second_late.len();
        let confirmed = confirmed(candidates, second);
        self.note(projection, &confirmed, late);
        if confirmed.is_empty() || !repair {
            return Ok(Outcome { confirmed, repaired: 0, late });
        }
        projection.repair(&confirmed).await?;
        let remaining = self.remaining(projection, &confirmed).await?;
        let repaired = confirmed.len().saturating_sub(remaining);
        metrics::counter!("projection_repaired_total",
            "service" => self.db.service(), "projection" => projection.name())
        .increment(repaired.try_into().unwrap_or(u64::MAX));
        Ok(Outcome { confirmed, repaired, late })
    }

    /// How many still differ after their repair. One that was equal at any check counts as repaired, even if it changes later, and so
    /// does one whose event still waits behind others: there is nothing else to be done for it.
    async fn remaining(&self, projection: &P, drifts: &[Drift]) -> Result<usize, Fault> {
        let mut remaining = drifts.to_vec();
        for _ in 0..MAX_CHECKS_AFTER_REPAIR {
            self.pause().await;
            remaining = pages::again(projection, &keys(&remaining)).await?;
            if remaining.is_empty() {
                return Ok(0);
            }
        }
        let late = late(projection, &remaining).await?;
        remaining = pages::again(projection, &keys(&remaining)).await?;
        remaining.retain(|drift| !late.contains(&drift.key));
        if !remaining.is_empty() {
            let (service, name, n) = (self.db.service(), projection.name(), remaining.len());
            tracing::error!(
                service,
                projection = name,
                n,
                "copies still differ after their repair"
            );
        }
        Ok(remaining.len())
    }

    async fn pause(&self) {
        tokio::time::sleep(Duration::from_secs(self.settings.confirm_seconds)).await;
    }

    fn note(&self, projection: &P, confirmed: &[Drift], late: usize) {
        let (service, name) = (self.db.service(), projection.name());
        if late > 0 {
            tracing::info!(service, projection = name, late, "copies are late");
        }
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

/// The aggregates among them that their owner has still to publish, or the copy to take over.
async fn late<P: Projection>(projection: &P, drifts: &[Drift]) -> Result<BTreeSet<String>, Fault> {
    let all = BTreeSet::from_iter(keys(drifts));
    let mut late = pages::late(projection, &all).await?;
    let unpublished = drifts.iter().filter(|drift| drift.is_unpublished());
    late.extend(unpublished.map(|drift| drift.key.clone()));
    Ok(late)
}

fn keys(drifts: &[Drift]) -> Vec<String> {
    drifts.iter().map(|drift| drift.key.clone()).collect()
}
