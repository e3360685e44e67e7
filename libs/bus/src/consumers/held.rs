//! Messages that this process holds: the broker is told about each in time, else it would send it to somebody else.

use async_nats::connection::State;
use async_nats::jetstream::{AckKind, Message};
use async_nats::{Client, Subject};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;

/// All messages that are held. Clones share them.
#[derive(Clone)]
pub(super) struct Held {
    client: Client,
    replies: Arc<Mutex<HashMap<u64, (Subject, CancellationToken)>>>,
    next: Arc<AtomicU64>,
}

impl Held {
    pub fn new(client: Client) -> Self {
        Self { client, replies: Arc::default(), next: Arc::default() }
    }

    /// Holds a message of `source` from now on, until the hold is dropped.
    pub fn hold(&self, message: Message, source: &Source) -> Hold {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if let Some(reply) = message.reply.clone() {
            self.lock().insert(number, (reply, source.gone.clone()));
        }
        let (consumer, gone) = (source.consumer.clone(), source.gone.clone());
        Hold { message, consumer, gone, number, held: self.clone() }
    }

    /// Says of each message that it is being worked at, thrice within the time that the broker waits.
    pub async fn report(self, ack_wait: Duration, ended: CancellationToken) {
        let mut ticks = tokio::time::interval(ack_wait * 3 / 10);
        // The first tick comes at once and would find nothing that is old.
        ticks.tick().await;
        while ended.run_until_cancelled(ticks.tick()).await.is_some() {
            // Said now it would be kept for later, and the answers would have to wait behind it.
            if self.client.connection_state() != State::Connected {
                continue;
            }
            let replies: Vec<(Subject, CancellationToken)> =
                self.lock().values().cloned().collect();
            for (reply, _) in replies.into_iter().filter(|(_, gone)| !gone.is_cancelled()) {
                // Where the broker is gone it sends the message again, and the inbox knows it.
                let _ = self.client.publish(reply, AckKind::Progress.into()).await;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, (Subject, CancellationToken)>> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A durable consumer as the broker has it. One that is made anew, or of a backup, hands out positions again that it had handed
/// out, so what is said of a message of the old one would be taken for a word about another.
pub(super) struct Source {
    /// Its name.
    pub consumer: Arc<str>,
    /// Cancelled when the broker has it no more.
    gone: CancellationToken,
    created: Option<SystemTime>,
    /// The number of its last delivery that is known; each delivery has one of its own, a repeated one too.
    delivery: u64,
}

impl Source {
    pub fn new(consumer: String) -> Self {
        let gone = CancellationToken::new();
        Self { consumer: consumer.into(), gone, created: None, delivery: 0 }
    }

    /// The broker has told when it was made, and the number of its last delivery.
    pub fn found(&mut self, created: SystemTime, delivery: u64) {
        let other = self.created.replace(created).is_some_and(|before| before != created);
        if other || delivery < self.delivery {
            self.begin_anew();
        }
        self.delivery = delivery;
    }

    /// It has handed out a message. A restart of the broker that is short enough ends no subscription.
    pub fn handed_out(&mut self, delivery: u64) {
        if delivery <= self.delivery {
            self.begin_anew();
        }
        self.delivery = delivery;
    }

    fn begin_anew(&mut self) {
        std::mem::take(&mut self.gone).cancel();
    }
}

/// One message that is held.
pub(super) struct Hold {
    pub message: Message,
    /// Durable consumer that it came by.
    pub consumer: Arc<str>,
    gone: CancellationToken,
    number: u64,
    held: Held,
}

impl Hold {
    /// Tells the broker what became of it. An answer that gets lost costs a repeated delivery, nothing else.
    pub async fn answer(self, kind: AckKind) {
        if self.gone.is_cancelled() {
            return;
        }
        if let Err(error) = self.message.ack_with(kind).await {
            tracing::debug!(consumer = &*self.consumer, "an acknowledgement was not sent: {error}");
        }
    }

    /// How often the broker has sent it, this time included.
    pub fn delivered(&self) -> u32 {
        let delivered = self.message.info().map_or(1, |info| info.delivered);
        u32::try_from(delivered).unwrap_or(u32::MAX)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.held.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumer_that_counts_back_or_was_made_at_another_time_is_another_one() {
        let made = SystemTime::UNIX_EPOCH;
        let mut source = Source::new("search-from-pricing".to_owned());
        let mut is_another = |change: &mut dyn FnMut(&mut Source)| {
            let before = source.gone.clone();
            change(&mut source);
            assert!(!source.gone.is_cancelled());
            before.is_cancelled()
        };
        assert!(!is_another(&mut |source| source.found(made, 7)));
        assert!(!is_another(&mut |source| source.handed_out(8)));
        // Others have taken two meanwhile.
        assert!(!is_another(&mut |source| source.handed_out(11)));
        assert!(!is_another(&mut |source| source.found(made, 11)));
        assert!(is_another(&mut |source| source.found(made, 10)));
        assert!(!is_another(&mut |source| source.handed_out(11)));
        assert!(is_another(&mut |source| source.handed_out(11)));
        assert!(is_another(&mut |source| source.found(made + Duration::from_secs(1), 11)));
    }
}
