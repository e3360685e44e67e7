//! While our own database is away, events are held and not given back: giving back would cost deliveries, of which the
//! broker counts a limited number, and order.

use super::Consumers;
use diesel_async::RunQueryDsl;
use pg::statement;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// Whether the database answers.
pub(super) async fn is_over(consumers: &Consumers) -> bool {
    let asked = consumers
        .db
        .read("bus.probe", async |tx| Ok(statement("select 1").execute(tx.conn()).await?));
    asked.await.is_ok()
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
