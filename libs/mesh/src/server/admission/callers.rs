//! What each caller has under way: nobody may have it all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How much one caller, and all together, may have under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shares {
    /// Calls of one caller, answers that it has not read yet included.
    pub(super) calls: usize,
    /// Streams of one caller.
    pub(super) streams: usize,
    /// Bytes of answers that one caller has not read yet.
    pub(super) bytes: usize,
    /// Bytes of answers that nobody has read yet.
    pub(super) all_bytes: usize,
}

/// All callers that have something under way.
pub(super) struct Callers {
    shares: Shares,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    callers: HashMap<Arc<str>, Held>,
    bytes: usize,
}

#[derive(Default, Clone, Copy)]
struct Held {
    calls: usize,
    streams: usize,
    bytes: usize,
}

/// A call of a caller; it is over when this is dropped.
pub(super) struct Call {
    callers: Arc<Callers>,
    caller: Arc<str>,
    unary: bool,
    bytes: usize,
}

impl Callers {
    pub(super) fn new(shares: Shares) -> Arc<Self> {
        Arc::new(Self { shares, state: Mutex::default() })
    }

    /// Counts a call; none: the caller has too many under way.
    pub(super) fn begin(self: &Arc<Self>, caller: &str, unary: bool) -> Option<Call> {
        let mut state = self.lock();
        let caller = match state.callers.get_key_value(caller) {
            Some((known, _)) => Arc::clone(known),
            None => caller.into(),
        };
        let held = state.callers.entry(Arc::clone(&caller)).or_default();
        let (taken, share) = match unary {
            true => (&mut held.calls, self.shares.calls),
            false => (&mut held.streams, self.shares.streams),
        };
        if *taken >= share {
            return None;
        }
        *taken += 1;
        Some(Call { callers: Arc::clone(self), caller, unary, bytes: 0 })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// Counts the bytes of its answer until it is over; false: too many wait to be read already.
    pub(super) fn keep(&mut self, bytes: usize) -> bool {
        let shares = self.callers.shares;
        let mut state = self.callers.lock();
        let fits = state.bytes + bytes <= shares.all_bytes;
        let Some(held) = state.callers.get_mut(&self.caller) else { return false };
        // One answer always has room beside none.
        if !fits || (held.bytes > 0 && held.bytes + bytes > shares.bytes) {
            return false;
        }
        held.bytes += bytes;
        state.bytes += bytes;
        self.bytes += bytes;
        true
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut state = self.callers.lock();
        state.bytes -= self.bytes;
        let Some(held) = state.callers.get_mut(&self.caller) else { return };
        held.bytes -= self.bytes;
        let taken = if self.unary { &mut held.calls } else { &mut held.streams };
        *taken -= 1;
        if held.calls == 0 && held.streams == 0 {
            state.callers.remove(&self.caller);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARES: Shares = Shares { calls: 2, streams: 1, bytes: 10, all_bytes: 15 };

    #[test]
    fn a_caller_has_its_share_and_leaves_the_others_theirs() {
        let callers = Callers::new(SHARES);
        let (one, two) = (callers.begin("a", true), callers.begin("a", true));
        assert!(callers.begin("a", true).is_none());
        let streams = [callers.begin("a", false), callers.begin("a", false)];
        assert!(streams[0].is_some() && streams[1].is_none());
        assert!(callers.begin("b", true).is_some());
        drop(one);
        assert!(callers.begin("a", true).is_some());
        drop((two, streams));
        assert!(callers.lock().callers.is_empty());
    }

    #[test]
    fn unread_answers_are_bounded_for_each_and_for_all() {
        let callers = Callers::new(SHARES);
        let [mut one, mut other] = [(); 2].map(|()| callers.begin("a", true).unwrap());
        assert!(one.keep(8) && !other.keep(3) && other.keep(2));
        let mut of_another = callers.begin("b", true).unwrap();
        assert!(!of_another.keep(6) && of_another.keep(5));
        drop((one, other, of_another));
        // One that is larger than a share may be answered alone.
        let mut large = callers.begin("a", true).unwrap();
        assert!(large.keep(15));
        drop(large);
        assert_eq!(callers.lock().bytes, 0);
    }
}
