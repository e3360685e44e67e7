//! While our own database is away, events are held and not given back: giving back would cost deliveries, of which the
//! broker counts a limited number, and order.

use super::Consumers;
use diesel_async::RunQueryDsl;
use fault::{Common, Fault};
use pg::statement;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// How long the database is waited for where it has little to do.
const LIMIT: Duration = Duration::from_secs(5);

/// Whether the database answers.
pub(super) async fn is_over(consumers: &Consumers) -> bool {
    let asked = consumers
        .db
        .read("bus.probe", async |tx| Ok(statement("select 1").execute(tx.conn()).await?));
    bounded(consumers, asked).await.is_ok()
}

/// Does something short with the database. Where that says nothing, the connections to it may lead nowhere, and new ones are
/// made: the network can be gone without a word.
pub(super) async fn bounded<T>(
    consumers: &Consumers,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    tokio::time::timeout(LIMIT, work).await.unwrap_or_else(|_| {
        consumers.db.renew();
        let message = format!("the database did not answer in {LIMIT:?}");
        Err(Fault::new(Common::DeadlineExceeded, message))
    })
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
