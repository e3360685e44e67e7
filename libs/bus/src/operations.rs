//! Tells the other processes of a service at once that an operation was created, by core NATS. A message may get lost; what waits in
//! the database is read every 2.5 seconds anyway.

use crate::Bus;
use async_nats::Subscriber;
use bytes::Bytes;
use futures::StreamExt;
use pg::Db;
use tokio_util::sync::CancellationToken;

/// Announces operations that this process creates, and has the database read when another process announces one, until `stop`.
pub async fn share(db: Db, bus: Bus, stop: CancellationToken) {
    let subject = format!("core.operations.{}", db.service());
    let mut others = bus.client().subscribe(subject.clone()).await.ok();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = db.operation_created() => bus.announce(subject.clone(), Bytes::new()).await,
            () = next(&mut others) => db.wake(),
        }
    }
}

async fn next(others: &mut Option<Subscriber>) {
    let message = match others {
        Some(others) => others.next().await,
        None => None,
    };
    if message.is_none() {
        std::future::pending::<()>().await;
    }
}
