//! What one service works on at a time.

use super::gradient::Gradient;
use contracts::{Policy, Priority};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A caller that has no more than this share of the calls under way is no cause of a service's being slow.
const SMALL: usize = 16;

/// The slots of one service: for calls, as many as it can work on without getting slow, and for streams, which last long, others.
pub(in crate::server) struct Slots {
    max_calls: usize,
    max_streams: usize,
    state: Mutex<State>,
}

struct State {
    /// Calls that hold a slot, those whose caller is not known yet included.
    calls: usize,
    streams: usize,
    /// Calls that are worked on, of all callers and of each.
    working: usize,
    callers: HashMap<String, usize>,
    gradient: Gradient,
}

/// A slot that is taken; it is given back when it is dropped.
pub(super) struct Slot {
    slots: Arc<Slots>,
    unary: bool,
}

/// A call that is worked on; it is over when this is dropped.
pub(super) struct Working {
    slots: Arc<Slots>,
    caller: String,
}

/// Why a call is not worked on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shed {
    /// The service is as busy as it can be.
    Busy,
    /// The caller has its share.
    Share,
}

impl Slots {
    pub(super) fn new(max_calls: usize, max_streams: usize) -> Arc<Self> {
        let state = State {
            calls: 0,
            streams: 0,
            working: 0,
            callers: HashMap::new(),
            gradient: Gradient::new(max_calls),
        };
        Arc::new(Self { max_calls, max_streams, state: Mutex::new(state) })
    }

    /// A slot for a call of this method, whoever makes it.
    pub(super) fn take(self: &Arc<Self>, policy: &Policy) -> Option<Slot> {
        let mut state = self.lock();
        let unary = policy.unary();
        let (taken, limit) = match unary {
            true => (&mut state.calls, of_priority(self.max_calls, policy.priority)),
            false => (&mut state.streams, self.max_streams),
        };
        if *taken >= limit {
            return None;
        }
        *taken += 1;
        Some(Slot { slots: Arc::clone(self), unary })
    }

    /// Begins to work on a call that has a slot. A caller may have so many percent of what can be worked on now.
    pub(super) fn begin(
        self: &Arc<Self>,
        caller: &str,
        percent: usize,
        priority: Priority,
    ) -> Result<Working, Shed> {
        let mut state = self.lock();
        let limit = state.gradient.limit();
        let own = state.callers.get(caller).copied().unwrap_or_default();
        if own >= (limit * percent).div_ceil(100) {
            return Err(Shed::Share);
        }
        // Where it takes fewer than before, those who have the most make room.
        if state.working >= of_priority(limit, priority) && own >= (limit / SMALL).max(1) {
            return Err(Shed::Busy);
        }
        state.working += 1;
        state.callers.insert(caller.to_owned(), own + 1);
        Ok(Working { slots: Arc::clone(self), caller: caller.to_owned() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The most urgent calls may take all slots, bulk ones half of them.
fn of_priority(limit: usize, priority: Priority) -> usize {
    match priority {
        Priority::Critical => limit,
        Priority::Normal => (limit * 9).div_ceil(10),
        Priority::Bulk => limit.div_ceil(2),
    }
}

impl Working {
    /// Ends it; it took so long.
    pub(super) fn end(self, policy: &Policy, took: Duration) {
        let mut state = self.slots.lock();
        let working = state.working;
        state.gradient.note(policy.path, took, working);
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let mut state = self.slots.lock();
        state.working -= 1;
        match state.callers.get_mut(&self.caller) {
            Some(working) if *working > 1 => *working -= 1,
            _ => drop(state.callers.remove(&self.caller)),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.slots.lock();
        let taken = if self.unary { &mut state.calls } else { &mut state.streams };
        *taken -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::iter::from_fn;

    #[test]
    fn the_last_slots_are_for_urgent_calls_and_streams_have_their_own() {
        let slots = Slots::new(10, 2);
        let of = |priority, gives_stream| Policy {
            priority,
            gives_stream,
            ..*contracts::policy("/souk.operations.v1.OperationsService/GetOperation").unwrap()
        };
        let fill = |policy: Policy| from_fn(|| slots.take(&policy)).collect::<Vec<Slot>>();
        let bulk = fill(of(Priority::Bulk, false));
        let normal = fill(of(Priority::Normal, false));
        let critical = fill(of(Priority::Critical, false));
        assert_eq!([bulk.len(), normal.len(), critical.len()], [5, 4, 1]);
        assert_eq!(fill(of(Priority::Bulk, true)).len(), 2);
        drop((bulk, normal, critical));
        assert_eq!(fill(of(Priority::Normal, false)).len(), 9);
    }

    #[test]
    fn a_caller_has_its_share_and_a_small_one_is_let_in_beyond_the_limit() {
        let slots = Slots::new(100, 1);
        let begin = |caller: &str| slots.begin(caller, 50, Priority::Normal);
        let fill = |caller: &str| from_fn(|| begin(caller).ok()).collect::<Vec<_>>();
        let (ann, bob) = (fill("ann"), fill("bob"));
        assert_eq!([ann.len(), bob.len()], [50, 40]);
        assert_eq!(begin("ann").err(), Some(Shed::Share));
        assert_eq!(begin("bob").err(), Some(Shed::Busy));
        assert_eq!(fill("eve").len(), 6);
        drop((ann, bob));
        assert!(slots.lock().callers.is_empty());
        assert_eq!(slots.lock().working, 0);
    }
}
