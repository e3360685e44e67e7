//! What ends the leader's pause: a commit in this process, or one elsewhere, told by core NATS. Both may get lost; the
//! poll finds what they do not tell.

use crate::Bus;
use async_nats::Subscriber;
use futures::{FutureExt, StreamExt};
use pg::Db;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

fn subject(service: &str) -> String {
    format!("core.outbox.{service}")
}

/// Tells the leader, wherever it is, that there is something to publish.
pub(super) async fn tell(bus: &Bus, service: &str) {
    // While the connection is down the client would keep what is sent for later, when nobody needs it any more.
    if bus.connected() {
        let _ = bus.client().publish(subject(service), bytes::Bytes::new()).await;
    }
}

/// The leader's ears.
pub(super) struct Wake {
    told: Option<Subscriber>,
}

impl Wake {
    pub async fn listen(bus: &Bus, service: &str) -> Self {
        Self { told: bus.client().subscribe(subject(service)).await.ok() }
    }

    /// Returns when there is probably something to publish, at the latest after `poll`.
    pub async fn up(&mut self, db: &Db, poll: Duration, stop: &CancellationToken) {
        let told = async {
            match &mut self.told {
                Some(told) => told.next().await,
                None => None,
            }
        };
        let told = async {
            if told.await.is_none() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = db.outbox_written() => {}
            () = told => {}
            () = tokio::time::sleep(poll) => {}
            () = stop.cancelled() => {}
        }
        // One look answers all that was told until now.
        while let Some(told) = &mut self.told
            && let Some(Some(_)) = told.next().now_or_never()
        {}
    }
}
