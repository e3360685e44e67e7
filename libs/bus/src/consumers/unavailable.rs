//! How often events failed because something else was not available. They are delivered again without being suspected of anything:
//! those deliveries do not count towards isolation. A process that starts anew knows of none, and may isolate one event too many.

use super::in_progress::HeldMessage;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Events that are remembered at most; beyond that all are forgotten.
const MAX_EVENTS: usize = 10_000;

/// A message of a durable consumer, by its position in the stream.
type Key = (Arc<str>, u64);

/// Failed deliveries of each message. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Unavailable(Arc<Mutex<HashMap<Key, u32>>>);

impl Unavailable {
    /// Notes a delivery that failed.
    pub fn failed(&self, held: &HeldMessage) {
        let mut events = self.lock();
        if events.len() >= MAX_EVENTS {
            events.clear();
        }
        *events.entry(key(held)).or_default() += 1;
    }

    /// Forgets a message that is done.
    pub fn done(&self, held: &HeldMessage) {
        self.lock().remove(&key(held));
    }

    /// How often the message was delivered, without the deliveries that failed so.
    pub fn other_deliveries(&self, held: &HeldMessage) -> u32 {
        let failed = self.lock().get(&key(held)).copied().unwrap_or_default();
        held.deliveries().saturating_sub(failed)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(held: &HeldMessage) -> Key {
    let position = held.message.info().map_or(0, |info| info.stream_sequence);
    (held.consumer.clone(), position)
}
