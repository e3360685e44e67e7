//! States of the index that pages are continued from.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::volume::{Snapshot, Volume};
use crate::engine::query::StateId;

/// The most states that are kept. They share most of what they hold with the live index, and all
/// searches between two commits are of one state.
pub const MAX_STATES: usize = 256;

/// What a query reads.
#[derive(Clone)]
pub struct View {
    /// Where the index is: its files stay there as long as somebody has this.
    pub volume: Arc<Volume>,
    /// One state of it.
    pub snapshot: Arc<Snapshot>,
}

/// The states that were used last.
pub struct States {
    keeper: Uuid,
    keep: Duration,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    last_number: u64,
    /// From the least recently used on.
    states: VecDeque<State>,
}

struct State {
    number: u64,
    view: View,
    used: Instant,
}

impl States {
    /// None yet; each is kept for so long after its last use.
    pub fn new(keep: Duration) -> States {
        States { keeper: Uuid::now_v7(), keep, kept: Mutex::default() }
    }

    /// Keeps a state, and names it.
    pub fn keep(&self, view: &View) -> StateId {
        let mut kept = self.lock();
        let is_same = |state: &State| Arc::ptr_eq(&state.view.snapshot, &view.snapshot);
        // Mostly the last one: all searches between two commits are of one state.
        let known = kept.states.iter().rposition(is_same);
        let state = known.and_then(|at| kept.states.remove(at)).unwrap_or_else(|| {
            kept.last_number += 1;
            State { number: kept.last_number, view: view.clone(), used: Instant::now() }
        });
        let number = kept.use_now(state);
        let surplus = kept.states.len().saturating_sub(MAX_STATES);
        let dropped: Vec<State> = kept.states.drain(..surplus).collect();
        drop(kept);
        // Not under the lock: it may take the removal of an index.
        drop(dropped);
        StateId { keeper: self.keeper, number }
    }

    /// A state that is still kept.
    pub fn find(&self, id: StateId) -> Option<View> {
        self.drop_expired();
        let mut kept = self.lock();
        let is_named = |state: &State| id == StateId { keeper: self.keeper, number: state.number };
        let at = kept.states.iter().position(is_named)?;
        let state = kept.states.remove(at)?;
        let view = state.view.clone();
        kept.use_now(state);
        Some(view)
    }

    /// Drops the states that were not used for too long.
    pub fn drop_expired(&self) {
        let mut kept = self.lock();
        let expired = kept.states.partition_point(|state| state.used.elapsed() >= self.keep);
        let dropped: Vec<State> = kept.states.drain(..expired).collect();
        drop(kept);
        drop(dropped);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing below the lock panics half way.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn use_now(&mut self, mut state: State) -> u64 {
        let number = state.number;
        state.used = Instant::now();
        self.states.push_back(state);
        number
    }
}
