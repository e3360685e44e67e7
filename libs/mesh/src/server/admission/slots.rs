//! What one service works on at a time.

use super::gradient::Gradient;
use contracts::{Policy, Priority};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A caller that has less than one in so many of the calls under way is no cause of a service's being slow.
const SMALL: usize = 16;
/// So many times as many calls are let in as are worked on.
const ADMITTED: usize = 4;

/// The slots of one service: for calls, as many as it can work on without getting slow, and for streams, which last long, others.
pub(super) struct Slots {
    max_calls: usize,
    max_streams: usize,
    state: Mutex<State>,
}

struct State {
    /// Calls that were let in, whoever makes them.
    admitted: usize,
    /// Calls that are worked on, of all callers and of each.
    working: usize,
    callers: HashMap<String, usize>,
    streams: usize,
    gradient: Gradient,
}

/// A call that was let in; it is over when this is dropped.
pub(in crate::server) struct Admitted(Arc<Slots>);

/// A call that is worked on; it is over when this is dropped.
pub(super) struct Working {
    slots: Arc<Slots>,
    /// None: it is a stream.
    caller: Option<String>,
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
            admitted: 0,
            working: 0,
            callers: HashMap::new(),
            streams: 0,
            gradient: Gradient::new(max_calls),
        };
        Arc::new(Self { max_calls, max_streams, state: Mutex::new(state) })
    }

    /// Lets a call in, so that it is found out who makes it. There are more of these than can be worked on: whoever floods the service is
    /// to be refused by its share, and not all others with it.
    pub(super) fn admit(self: &Arc<Self>) -> Option<Admitted> {
        let mut state = self.lock();
        if state.admitted >= ADMITTED * (self.max_calls + self.max_streams) {
            return None;
        }
        state.admitted += 1;
        Some(Admitted(Arc::clone(self)))
    }

    /// Begins to work on a call that was let in. A caller may have so many percent of what can be worked on now.
    pub(super) fn begin(
        self: &Arc<Self>,
        caller: &str,
        percent: usize,
        policy: &Policy,
    ) -> Result<Working, Shed> {
        let mut state = self.lock();
        if !policy.unary() {
            if state.streams >= self.max_streams {
                return Err(Shed::Busy);
            }
            state.streams += 1;
            return Ok(Working { slots: Arc::clone(self), caller: None });
        }
        let limit = state.gradient.limit();
        let own = state.callers.get(caller).copied().unwrap_or_default();
        if own >= (limit * percent).div_ceil(100) {
            return Err(Shed::Share);
        }
        // Where it takes fewer than before, those who have the most make room.
        let is_full = state.working >= of_priority(limit, policy.priority);
        if is_full && (own >= (limit / SMALL) || state.working >= self.max_calls) {
            return Err(Shed::Busy);
        }
        state.working += 1;
        state.callers.insert(caller.to_owned(), own + 1);
        Ok(Working { slots: Arc::clone(self), caller: Some(caller.to_owned()) })
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
        let Some(caller) = &self.caller else {
            state.streams -= 1;
            return;
        };
        state.working -= 1;
        match state.callers.get_mut(caller) {
            Some(working) if *working > 1 => *working -= 1,
            _ => drop(state.callers.remove(caller)),
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.lock().admitted -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::iter::from_fn;

    fn of(priority: Priority, gives_stream: bool) -> Policy {
        let path = "/souk.operations.v1.OperationsService/GetOperation";
        Policy { priority, gives_stream, ..*contracts::policy(path).unwrap() }
    }

    #[test]
    fn the_last_calls_are_urgent_ones_and_streams_have_slots_of_their_own() {
        let slots = Slots::new(10, 2);
        let fill = |policy: Policy| {
            from_fn(|| slots.begin("ann", 100, &policy).ok()).collect::<Vec<Working>>()
        };
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
        let policy = of(Priority::Normal, false);
        let begin = |caller: &str| slots.begin(caller, 50, &policy);
        let fill = |caller: &str| from_fn(|| begin(caller).ok()).collect::<Vec<_>>();
        let (ann, bob) = (fill("ann"), fill("bob"));
        assert_eq!([ann.len(), bob.len()], [50, 40]);
        assert_eq!(begin("ann").err(), Some(Shed::Share));
        assert_eq!(begin("bob").err(), Some(Shed::Busy));
        let eve = fill("eve");
        assert_eq!(eve.len(), 6);
        let last = ["a", "b", "c", "d", "e"].map(|caller| begin(caller).ok());
        assert_eq!(last.iter().flatten().count(), 4, "no more than all slots");
        drop((ann, bob, eve, last));
        assert!(slots.lock().callers.is_empty());
        assert_eq!(slots.lock().working, 0);
    }

    #[test]
    fn more_are_let_in_than_are_worked_on() {
        let slots = Slots::new(10, 2);
        let all: Vec<Admitted> = from_fn(|| slots.admit()).collect();
        assert_eq!(all.len(), 48);
        drop(all);
        assert!(slots.admit().is_some());
    }
}
