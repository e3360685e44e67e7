//! Runs the comparisons that an RPC or the schedule requested.

use super::request::kind;
use super::{Projection, Reconciler};
use contracts::operations::v1::DriftReport;
use fault::Fault;
use pg::operations::{self, Operation};
use std::convert::Infallible;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// How often the progress is stored with the operation. That also shows that the operation is still worked on, so it does not depend
/// on the progress of the comparison.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(3);

impl<P: Projection> Reconciler<P> {
    /// Runs requested comparisons; never returns.
    pub(super) async fn run_requested(&self) {
        loop {
            for repair in [false, true] {
                self.round("comparing with the owners", self.take_up(repair)).await;
            }
            self.db.until_due().await;
        }
    }

    async fn take_up(&self, repair: bool) -> Result<(), Fault> {
        let kind = kind(repair);
        if !self.db.due().await?.is_free(kind) {
            return Ok(());
        }
        let taken =
            self.db.write("reconcile.take_up", async |tx| operations::take_up(tx, kind).await);
        let Some(operation) = taken.await? else { return Ok(()) };
        let compared = AtomicI64::new(0);
        let work = async {
            tokio::select! {
                done = self.full(self.projections.iter(), repair, &compared) => done,
                never = self.store_progress(&operation, &compared) => match never {},
            }
        };
        let done = operations::with_lease(&self.db, &operation, work).await;
        let (done, operation): (&Result<DriftReport, Fault>, _) = (&done, &operation);
        let ended = self
            .db
            .write("reconcile.end", async |tx| {
                // Another process has taken it up meanwhile and will end it.
                if !operations::renew(tx, operation).await? {
                    return Ok(());
                }
                match done {
                    Ok(report) => operations::succeed(tx, operation.id, Some(report)).await,
                    Err(fault) => operations::fail(tx, operation.id, fault.message()).await,
                }
            })
            .await;
        // Its report is to be shown, and another comparison may wait.
        self.db.wake();
        ended
    }

    /// Stores the progress with the operation periodically; never returns.
    async fn store_progress(&self, operation: &Operation, compared: &AtomicI64) -> Infallible {
        loop {
            tokio::time::sleep(PROGRESS_INTERVAL).await;
            let (id, done) = (operation.id, compared.load(Ordering::Relaxed));
            let doing = "comparing with the owners";
            let stored = self.db.write("reconcile.progress", async |tx| {
                operations::progress(tx, id, done, 0, doing).await
            });
            if let Err(fault) = stored.await {
                tracing::warn!("an operation was not told how far it is: {}", fault.chain());
            }
        }
    }
}
