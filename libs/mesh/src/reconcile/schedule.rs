//! Has everything compared from time to time: what all replicas share by one of them, as an operation that can be followed and
//! listed like one that was asked for; what each has for itself by each.

use super::ask::kind;
use super::{Projection, Reconciler};
use fault::Fault;
use pg::operations;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Before the first look at the clock: what came while the process was down is caught up by then.
const WARM_UP: Duration = Duration::from_secs(10);
/// Between two looks at the clock, and so between a run that failed and the next one.
const EVERY: Duration = Duration::from_secs(600);

impl<P: Projection> Reconciler<P> {
    /// Starts runs when they are due, for ever.
    pub(super) async fn schedule(&self) {
        if self.settings.full_hours == 0 {
            return std::future::pending().await;
        }
        let every = Duration::from_secs(self.settings.full_hours * 3600);
        let mut local_at = Instant::now();
        tokio::time::sleep(WARM_UP).await;
        loop {
            self.round("scheduling a comparison", self.start(every)).await;
            // What differed here another replica's repair may have ended.
            if local_at.elapsed() >= every || self.own_left.load(Ordering::Relaxed) > 0 {
                self.round("comparing this replica's copies", self.local()).await;
                local_at = Instant::now();
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn start(&self, every: Duration) -> Result<(), Fault> {
        let kind = kind(self.settings.repair);
        let start = async |tx: &mut pg::Tx| operations::start_if_due(tx, kind, every).await;
        let started = self.db.write("reconcile.schedule", start).await?;
        if let Some(operation) = started {
            tracing::info!(service = self.db.service(), id = %operation.id, "a comparison is due");
        }
        Ok(())
    }

    /// The operation is done by one replica, which looks at its own copies only; the others look at theirs here.
    async fn local(&self) -> Result<(), Fault> {
        let local = self.projections.iter().filter(|projection| projection.is_local());
        self.full(local, self.settings.repair, &AtomicI64::new(0)).await.map(|_| ())
    }
}
