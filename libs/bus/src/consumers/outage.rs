//! While the service's own database is unavailable, events stay in progress and are not given back: giving them back would cost
//! deliveries, of which the broker allows a limited number, and the order of a key.

use super::context::Consumers;
use diesel::dsl::sql;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;
use fault::{Common, Fault};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Pauses between two probes grow from MIN_BACKOFF to MAX_BACKOFF.
const MIN_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// Longest time of a transaction with a few short statements.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether the database answers and can be written: one that was a primary until now answers too.
pub(super) async fn is_over(consumers: &Consumers) -> bool {
    let probe = consumers.db.write("bus.probe", async |tx| {
        let writable = sql::<Bool>("current_setting('transaction_read_only') = 'off'");
        Ok(diesel::select(writable).get_result(tx.conn()).await?)
    });
    matches!(bounded(consumers, probe).await, Ok(true))
}

/// Runs a short transaction with a time limit.
pub(super) fn bounded<T>(
    consumers: &Consumers,
    work: impl Future<Output = Result<T, Fault>>,
) -> impl Future<Output = Result<T, Fault>> {
    within(consumers, STATEMENT_TIMEOUT, "the database did not answer", work)
}

/// Runs `work` with a time limit. Work that takes longer may wait on a half-open connection to a server that is gone. Idle connections
/// of the pool may be half-open too, and each would cost its next user as much time, so they are closed.
pub(super) fn within<T>(
    consumers: &Consumers,
    limit: Duration,
    late: &str,
    work: impl Future<Output = Result<T, Fault>>,
) -> impl Future<Output = Result<T, Fault>> {
    // Transactions are large, one may be within another, and everything around them would carry them along.
    let work = Box::pin(work);
    async move {
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            consumers.db.renew();
            Err(Fault::new(Common::DeadlineExceeded, format!("{late} in {limit:?}")))
        })
    }
}

/// Waits until the database answers, for a moment at least; false where `stop` came first.
pub(super) async fn wait(consumers: &Consumers, stop: &CancellationToken) -> bool {
    let mut pause = MIN_BACKOFF;
    loop {
        if tokio::time::timeout(pause, stop.cancelled()).await.is_ok() {
            return false;
        }
        if is_over(consumers).await {
            return true;
        }
        pause = (pause * 2).min(MAX_BACKOFF);
    }
}
