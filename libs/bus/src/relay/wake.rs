//! What ends the leader's pause: a commit in this process, or one in another process, notified by core NATS. Either notification
//! may get lost; the poll finds what they miss.

use crate::Bus;
use async_nats::Subscriber;
use futures::{FutureExt, StreamExt};
use pg::Db;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

fn subject(service: &str) -> String {
    format!("core.outbox.{service}")
}

/// Notifies the leader, in whatever process, that there is something to publish.
pub(super) async fn notify(bus: &Bus, service: &str) {
    bus.announce(subject(service), bytes::Bytes::new()).await;
}

/// Wakes the leader.
pub(super) struct Wake {
    notifications: Option<Subscriber>,
}

impl Wake {
    pub async fn subscribe(bus: &Bus, service: &str) -> Self {
        Self { notifications: bus.client().subscribe(subject(service)).await.ok() }
    }

    /// Returns when there is probably something to publish, at the latest after `poll`.
    pub async fn wait(&mut self, db: &Db, poll: Duration, stop: &CancellationToken) {
        let next = async {
            match &mut self.notifications {
                Some(notifications) => notifications.next().await,
                None => None,
            }
        };
        let notified = async {
            if next.await.is_none() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = db.outbox_written() => {}
            () = notified => {}
            () = tokio::time::sleep(poll) => {}
            () = stop.cancelled() => {}
        }
        // One read of the outbox serves all notifications until now.
        while let Some(notifications) = &mut self.notifications
            && let Some(Some(_)) = notifications.next().now_or_never()
        {}
    }
}
