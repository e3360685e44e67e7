//! Compares everything periodically. Copies in the shared database are compared by one replica, as an operation like a requested one;
//! local copies are compared by each replica.

use super::request::kind;
use super::{Projection, Reconciler};
use fault::Fault;
use pg::operations;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Delay of the first check after a start, so that consumers can handle what was published while the process was down.
const INITIAL_DELAY: Duration = Duration::from_secs(10);
/// How often it is checked whether a comparison is due, and so the pause between a failed run and the next one.
const CHECK_INTERVAL: Duration = Duration::from_secs(600);

impl<P: Projection> Reconciler<P> {
    /// Starts comparisons when they are due; never returns.
    pub(super) async fn schedule(&self) {
        if self.settings.full_hours == 0 {
            return std::future::pending().await;
        }
        let every = Duration::from_secs(self.settings.full_hours * 3600);
        let mut local_at = Instant::now();
        tokio::time::sleep(INITIAL_DELAY).await;
        loop {
            self.round("scheduling a comparison", self.start(every)).await;
            // Differences of local copies are compared again, since another replica's repair may have ended them.
            if local_at.elapsed() >= every || self.local_remaining.load(Ordering::Relaxed) > 0 {
                self.round("comparing this replica's copies", self.local()).await;
                local_at = Instant::now();
            }
            tokio::time::sleep(CHECK_INTERVAL).await;
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

    /// The operation runs on one replica, which compares its own local copies only; the other replicas compare theirs here.
    async fn local(&self) -> Result<(), Fault> {
        let local = self.projections.iter().filter(|projection| projection.is_local());
        self.full(local, self.settings.repair, &AtomicI64::new(0)).await.map(|_| ())
    }
}
