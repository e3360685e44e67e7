//! While our own database is away, events are held and not given back: giving back would cost deliveries, of which the
//! broker counts a limited number, and order.

use super::Consumers;
use diesel::dsl::sql;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;
use fault::{Common, Fault};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// How long the database is waited for where it has little to do.
const LIMIT: Duration = Duration::from_secs(5);

/// Whether the database answers and can be written: one that was a primary until now answers too.
pub(super) async fn is_over(consumers: &Consumers) -> bool {
    let asked = consumers.db.write("bus.probe", async |tx| {
        let writable = sql::<Bool>("current_setting('transaction_read_only') = 'off'");
        Ok(diesel::select(writable).get_result(tx.conn()).await?)
    });
    matches!(bounded(consumers, asked).await, Ok(true))
}

/// Does something short with the database.
pub(super) fn bounded<T>(
    consumers: &Consumers,
    work: impl Future<Output = Result<T, Fault>>,
) -> impl Future<Output = Result<T, Fault>> {
    within(consumers, LIMIT, "the database did not answer", work)
}

/// Does something within a time. What takes longer may wait for a server that is gone without a word: the connections that
/// nobody uses may lead there too, and each would cost the next one as much time, so new ones are made.
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
    let mut pause = FIRST;
    loop {
        if tokio::time::timeout(pause, stop.cancelled()).await.is_ok() {
            return false;
        }
        if is_over(consumers).await {
            return true;
        }
        pause = (pause * 2).min(LONGEST);
    }
}
