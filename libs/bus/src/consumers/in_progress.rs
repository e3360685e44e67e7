//! Messages that are being worked on: the acknowledgement deadline of each is extended in time, else the broker would deliver it
//! to another process.

use async_nats::connection::State;
use async_nats::jetstream::{AckKind, Message};
use async_nats::{Client, Subject};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;

/// All messages in progress. Clones share them.
#[derive(Clone)]
pub(super) struct InProgress {
    client: Client,
    replies: Arc<Mutex<HashMap<u64, (Subject, CancellationToken)>>>,
    next: Arc<AtomicU64>,
}

impl InProgress {
    pub fn new(client: Client) -> Self {
        Self { client, replies: Arc::default(), next: Arc::default() }
    }

    /// Extends the deadline of a message of `source` from now on, until the [`HeldMessage`] is dropped.
    pub fn track(&self, message: Message, source: &Source) -> HeldMessage {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if let Some(reply) = message.reply.clone() {
            self.lock().insert(number, (reply, source.gone.clone()));
        }
        let (consumer, gone) = (source.consumer.clone(), source.gone.clone());
        HeldMessage { message, consumer, gone, number, in_progress: self.clone() }
    }

    /// Extends all deadlines, three times within the time that the broker waits.
    pub async fn extend_deadlines(self, ack_wait: Duration, ended: CancellationToken) {
        let mut ticks = tokio::time::interval(ack_wait * 3 / 10);
        // The first tick comes at once, when no message is old.
        ticks.tick().await;
        while ended.run_until_cancelled(ticks.tick()).await.is_some() {
            // The client would buffer it, and the acknowledgements would have to wait behind it.
            if self.client.connection_state() != State::Connected {
                continue;
            }
            let replies: Vec<(Subject, CancellationToken)> =
                self.lock().values().cloned().collect();
            for (reply, _) in replies.into_iter().filter(|(_, gone)| !gone.is_cancelled()) {
                // One that gets lost costs a repeated delivery, which the inbox recognises.
                let _ = self.client.publish(reply, AckKind::Progress.into()).await;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, (Subject, CancellationToken)>> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A durable consumer as the broker has it. One that was created anew, or restored from a backup, uses delivery numbers again, so
/// an acknowledgement for a message of the old one would count for another message.
pub(super) struct Source {
    /// Its name.
    pub consumer: Arc<str>,
    /// Cancelled when the broker no longer has it.
    gone: CancellationToken,
    created: Option<SystemTime>,
    /// Number of its last known delivery; each delivery has its own, a repeated one too.
    last_delivery: u64,
}

impl Source {
    pub fn new(consumer: String) -> Self {
        let gone = CancellationToken::new();
        Self { consumer: consumer.into(), gone, created: None, last_delivery: 0 }
    }

    /// Takes what the broker reported when it was subscribed: when it was created, and the number of its last delivery.
    pub fn subscribed(&mut self, created: SystemTime, delivery: u64) {
        let other = self.created.replace(created).is_some_and(|before| before != created);
        if other || delivery < self.last_delivery {
            self.replace();
        }
        self.last_delivery = delivery;
    }

    /// Takes the number of a delivery: a restart of the broker that is short enough ends no subscription.
    pub fn delivered(&mut self, delivery: u64) {
        if delivery <= self.last_delivery {
            self.replace();
        }
        self.last_delivery = delivery;
    }

    fn replace(&mut self) {
        std::mem::take(&mut self.gone).cancel();
    }
}

/// One message in progress.
pub(super) struct HeldMessage {
    pub message: Message,
    /// Durable consumer that delivered it.
    pub consumer: Arc<str>,
    gone: CancellationToken,
    number: u64,
    in_progress: InProgress,
}

impl HeldMessage {
    /// Acknowledges it. An acknowledgement that gets lost costs a repeated delivery, nothing else.
    pub async fn acknowledge(self, kind: AckKind) {
        if self.gone.is_cancelled() {
            return;
        }
        if let Err(error) = self.message.ack_with(kind).await {
            tracing::debug!(consumer = &*self.consumer, "an acknowledgement was not sent: {error}");
        }
    }

    /// How often the broker has delivered it, this time included.
    pub fn deliveries(&self) -> u32 {
        let delivered = self.message.info().map_or(1, |info| info.delivered);
        u32::try_from(delivered).unwrap_or(u32::MAX)
    }
}

impl Drop for HeldMessage {
    fn drop(&mut self) {
        self.in_progress.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumer_that_counts_back_or_was_created_at_another_time_is_another_one() {
        let made = SystemTime::UNIX_EPOCH;
        let mut source = Source::new("search-from-pricing".to_owned());
        let mut is_another = |change: &mut dyn FnMut(&mut Source)| {
            let before = source.gone.clone();
            change(&mut source);
            assert!(!source.gone.is_cancelled());
            before.is_cancelled()
        };
        assert!(!is_another(&mut |source| source.subscribed(made, 7)));
        assert!(!is_another(&mut |source| source.delivered(8)));
        // Other processes have taken two meanwhile.
        assert!(!is_another(&mut |source| source.delivered(11)));
        assert!(!is_another(&mut |source| source.subscribed(made, 11)));
        assert!(is_another(&mut |source| source.subscribed(made, 10)));
        assert!(!is_another(&mut |source| source.delivered(11)));
        assert!(is_another(&mut |source| source.delivered(11)));
        assert!(is_another(&mut |source| source.subscribed(made + Duration::from_secs(1), 11)));
    }
}
