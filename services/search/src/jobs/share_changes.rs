//! Tells every replica that documents have changed, once that is committed. A message to another replica may get lost; the table is
//! polled anyway.

use crate::App;
use bus::Bus;
use bytes::Bytes;
use futures::StreamExt;
use tokio_util::sync::CancellationToken;

const SUBJECT: &str = "core.search.documents";

/// Wakes this replica's follower, and those of the others, until the process ends.
pub async fn share_changes(app: App, bus: Bus, ending: CancellationToken) {
    let own = Bytes::from(app.replica_id.to_string());
    let mut others = bus.client().subscribe(SUBJECT).await.ok();
    loop {
        let heard = async {
            match &mut others {
                Some(others) => others.next().await,
                None => None,
            }
        };
        tokio::select! {
            () = ending.cancelled() => return,
            () = app.index.committed() => {
                app.index.wake();
                bus.announce(SUBJECT.to_owned(), own.clone()).await;
            }
            Some(message) = heard => {
                if message.payload != own {
                    app.index.wake();
                }
            }
        }
    }
}
