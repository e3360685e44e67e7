//! What one service works on at a time.

use super::gradient::Gradient;
use contracts::{Policy, Priority};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The slots of one service: for calls, as many as it can work on without getting slow, and for streams, which last long, others.
pub(super) struct Slots {
    calls: AtomicUsize,
    /// The limit of calls, read without a lock.
    limit: AtomicUsize,
    gradient: Mutex<Gradient>,
    streams: AtomicUsize,
    max_streams: usize,
}

/// A slot that is taken; it is given back when it is dropped.
pub(super) struct Slot {
    slots: Arc<Slots>,
    unary: bool,
}

impl Slots {
    pub(super) fn new(max_calls: usize, max_streams: usize) -> Arc<Self> {
        Arc::new(Self {
            calls: AtomicUsize::new(0),
            limit: AtomicUsize::new(max_calls),
            gradient: Mutex::new(Gradient::new(max_calls)),
            streams: AtomicUsize::new(0),
            max_streams,
        })
    }

    /// A slot for a call of this method, unless what is left is for more urgent ones.
    pub(super) fn take(self: &Arc<Self>, policy: &Policy) -> Option<Slot> {
        let unary = policy.unary();
        let (taken, limit) = match unary {
            true => (&self.calls, share(self.limit.load(Ordering::Relaxed), policy.priority)),
            false => (&self.streams, self.max_streams),
        };
        let more = |taken: usize| (taken < limit).then_some(taken + 1);
        taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Slot { slots: Arc::clone(self), unary })
    }
}

/// The most urgent calls may take all slots, bulk ones half of them.
fn share(limit: usize, priority: Priority) -> usize {
    match priority {
        Priority::Critical => limit,
        Priority::Normal => (limit * 9).div_ceil(10),
        Priority::Bulk => limit.div_ceil(2),
    }
}

impl Slot {
    /// Gives the slot back; the call took so long.
    pub(super) fn end(self, policy: &Policy, took: Duration) {
        let slots = &self.slots;
        let under_way = slots.calls.load(Ordering::Relaxed);
        let mut gradient = slots.gradient.lock().unwrap_or_else(PoisonError::into_inner);
        gradient.note(policy.path, took, under_way);
        slots.limit.store(gradient.limit(), Ordering::Relaxed);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let taken = if self.unary { &self.slots.calls } else { &self.slots.streams };
        taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_slots_are_for_urgent_calls_and_streams_have_their_own() {
        let slots = Slots::new(10, 2);
        let of = |priority, gives_stream| Policy {
            priority,
            gives_stream,
            ..*contracts::policy("/souk.pricing.v1.PricingService/SetPrice").unwrap()
        };
        let fill =
            |policy: Policy| std::iter::from_fn(|| slots.take(&policy)).collect::<Vec<Slot>>();
        let bulk = fill(of(Priority::Bulk, false));
        let normal = fill(of(Priority::Normal, false));
        let critical = fill(of(Priority::Critical, false));
        assert_eq!([bulk.len(), normal.len(), critical.len()], [5, 4, 1]);
        assert_eq!(fill(of(Priority::Bulk, true)).len(), 2);
        drop((bulk, normal, critical));
        assert_eq!(fill(of(Priority::Normal, false)).len(), 9);
    }
}
