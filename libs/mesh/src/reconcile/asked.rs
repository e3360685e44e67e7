//! Does the comparisons that an RPC or the schedule asked for.

use super::ask::kind;
use super::{Projection, Reconciler};
use contracts::operations::v1::DriftReport;
use fault::Fault;
use pg::operations::{self, Operation};
use std::convert::Infallible;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// How often it is looked whether something was asked for.
const EVERY: Duration = Duration::from_millis(500);
/// How often the operation is told how far it is. That also says that we are still at it, so it goes on by the clock, whatever
/// the comparison waits for.
const PROGRESS: Duration = Duration::from_secs(3);

impl<P: Projection> Reconciler<P> {
    /// Looks for comparisons to do, for ever.
    pub(super) async fn do_asked(&self) {
        loop {
            for repair in [false, true] {
                self.round("comparing with the owners", self.take_up(repair)).await;
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn take_up(&self, repair: bool) -> Result<(), Fault> {
        let kind = kind(repair);
        let asked =
            self.db.write("reconcile.take_up", async |tx| operations::take_up(tx, kind).await);
        let Some(operation) = asked.await? else { return Ok(()) };
        let compared = AtomicI64::new(0);
        let work = async {
            tokio::select! {
                done = self.full(self.projections.iter(), repair, &compared) => done,
                never = self.tell(&operation, &compared) => match never {},
            }
        };
        let done = operations::with_lease(&self.db, &operation, work).await;
        let (done, operation): (&Result<DriftReport, Fault>, _) = (&done, &operation);
        self.db
            .write("reconcile.end", async |tx| {
                // Whoever has taken it up meanwhile is at it, and ends it.
                if !operations::renew(tx, operation).await? {
                    return Ok(());
                }
                match done {
                    Ok(report) => operations::succeed(tx, operation.id, Some(report)).await,
                    Err(fault) => operations::fail(tx, operation.id, fault.message()).await,
                }
            })
            .await
    }

    /// Tells the operation how far it is, for ever.
    async fn tell(&self, operation: &Operation, compared: &AtomicI64) -> Infallible {
        loop {
            tokio::time::sleep(PROGRESS).await;
            let (id, done) = (operation.id, compared.load(Ordering::Relaxed));
            let doing = "comparing with the owners";
            let told = self.db.write("reconcile.progress", async |tx| {
                operations::progress(tx, id, done, 0, doing).await
            });
            if let Err(fault) = told.await {
                tracing::warn!("an operation was not told how far it is: {}", fault.chain());
            }
        }
    }
}
