//! Stops calls to a service that fails most of them: it is not kept from recovering, and its callers do not wait for it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The calls that are counted.
const WINDOW: Duration = Duration::from_secs(10);
/// They are forgotten by the second.
const SLOT: Duration = Duration::from_secs(1);
/// Fewer calls tell nothing.
const MIN_CALLS: u32 = 20;
/// How long no call is let through.
const PAUSE: Duration = Duration::from_secs(5);
/// How many calls are let through then; all of them have to succeed.
const PROBES: u32 = 5;

#[derive(Debug)]
pub(crate) struct Breaker {
    target: &'static str,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Closed(VecDeque<Slot>),
    Open { until: Instant },
    HalfOpen { begun: u32, succeeded: u32 },
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    since: Instant,
    calls: u32,
    failed: u32,
}

/// A call that was let through. One that is dropped tells nothing.
#[derive(Debug)]
pub(crate) struct Ticket<'b> {
    breaker: &'b Breaker,
    probe: bool,
    ended: bool,
}

impl Breaker {
    pub(crate) fn new(target: &'static str) -> Self {
        Self { target, state: Mutex::new(State::Closed(VecDeque::new())) }
    }

    /// Lets a call through, or not.
    pub(crate) fn admit(&self, now: Instant) -> Option<Ticket<'_>> {
        let mut state = self.state();
        if let State::Open { until } = *state
            && until <= now
        {
            self.change(&mut state, State::HalfOpen { begun: 0, succeeded: 0 });
        }
        let probe = match &mut *state {
            State::Closed(_) => false,
            State::HalfOpen { begun, .. } if *begun < PROBES => {
                *begun += 1;
                true
            }
            State::Open { .. } | State::HalfOpen { .. } => return None,
        };
        Some(Ticket { breaker: self, probe, ended: false })
    }

    fn note(&self, probe: bool, failed: bool, now: Instant) {
        let mut state = self.state();
        match &mut *state {
            State::Closed(slots) if !probe => {
                let too_many = count(slots, failed, now);
                if too_many {
                    self.open(&mut state, now);
                }
            }
            State::HalfOpen { .. } if probe && failed => self.open(&mut state, now),
            State::HalfOpen { succeeded, .. } if probe => {
                *succeeded += 1;
                if *succeeded == PROBES {
                    self.change(&mut state, State::Closed(VecDeque::new()));
                }
            }
            // It began before the breaker opened, or was not the first probe to fail.
            _ => {}
        }
    }

    fn open(&self, state: &mut State, now: Instant) {
        self.change(state, State::Open { until: now + PAUSE });
    }

    fn change(&self, state: &mut State, new: State) {
        let (name, open) = match new {
            State::Closed(_) => ("closed", 0.0),
            State::Open { .. } => ("open", 1.0),
            State::HalfOpen { .. } => ("half_open", 1.0),
        };
        let target = self.target;
        metrics::gauge!("rpc_client_breaker_open", "target" => target).set(open);
        metrics::counter!("rpc_client_breaker_changes_total", "target" => target, "state" => name)
            .increment(1);
        tracing::warn!(target_service = target, state = name, "the circuit breaker changed");
        *state = new;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a call; true: most of them fail.
fn count(slots: &mut VecDeque<Slot>, failed: bool, now: Instant) -> bool {
    slots.retain(|slot| slot.since + WINDOW > now);
    if slots.back().is_none_or(|slot| slot.since + SLOT <= now) {
        slots.push_back(Slot { since: now, calls: 0, failed: 0 });
    }
    if let Some(slot) = slots.back_mut() {
        slot.calls += 1;
        slot.failed += u32::from(failed);
    }
    let calls: u32 = slots.iter().map(|slot| slot.calls).sum();
    let all_failed: u32 = slots.iter().map(|slot| slot.failed).sum();
    calls >= MIN_CALLS && all_failed * 2 > calls
}

impl Ticket<'_> {
    /// The call ended.
    pub(crate) fn end(mut self, failed: bool, now: Instant) {
        self.ended = true;
        self.breaker.note(self.probe, failed, now);
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if !self.ended
            && self.probe
            && let State::HalfOpen { begun, .. } = &mut *self.breaker.state()
        {
            *begun = begun.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSTANT: Duration = Duration::from_millis(1);

    /// Makes so many calls one after the other; returns how many were let through.
    fn calls(breaker: &Breaker, times: u32, failed: bool, now: Instant) -> u32 {
        let admitted = (0..times).filter_map(|_| breaker.admit(now));
        admitted.map(|ticket| ticket.end(failed, now)).count() as u32
    }

    #[test]
    fn it_opens_when_most_of_twenty_calls_failed() {
        let (breaker, now) = (Breaker::new("a"), Instant::now());
        assert_eq!(calls(&breaker, 10, false, now), 10);
        assert_eq!(calls(&breaker, 10, true, now), 10);
        assert!(breaker.admit(now).is_some(), "half is not most");
        // The eleventh failure of 21 is the last call that is let through.
        assert_eq!(calls(&breaker, 9, true, now), 1);

        let breaker = Breaker::new("a");
        assert_eq!(calls(&breaker, 19, true, now), 19);
        assert!(breaker.admit(now).is_some(), "19 calls tell nothing");
        assert_eq!(calls(&breaker, 9, true, now), 1);
    }

    #[test]
    fn it_lets_five_probes_through_after_five_seconds_and_closes_when_all_succeed() {
        let (breaker, mut now) = (Breaker::new("a"), Instant::now());
        calls(&breaker, 20, true, now);
        now += PAUSE - INSTANT;
        assert!(breaker.admit(now).is_none());
        now += INSTANT;
        let probes: Vec<_> = std::iter::from_fn(|| breaker.admit(now)).take(9).collect();
        assert_eq!(probes.len(), 5);
        probes.into_iter().for_each(|probe| probe.end(false, now));
        assert_eq!(calls(&breaker, 15, true, now), 15, "closed, and nothing is held against it");
    }

    #[test]
    fn a_probe_that_fails_opens_it_again_and_one_that_is_given_up_frees_its_place() {
        let (breaker, mut now) = (Breaker::new("a"), Instant::now());
        calls(&breaker, 20, true, now);
        now += PAUSE;
        for _ in 0..9 {
            drop(breaker.admit(now).unwrap());
        }
        assert_eq!(calls(&breaker, 4, false, now), 4);
        assert_eq!(calls(&breaker, 4, true, now), 1);
        now += PAUSE - INSTANT;
        assert!(breaker.admit(now).is_none());
        now += INSTANT;
        assert_eq!(calls(&breaker, 9, false, now), 9);
    }

    #[test]
    fn what_is_older_than_ten_seconds_is_forgotten() {
        let (breaker, mut now) = (Breaker::new("a"), Instant::now());
        calls(&breaker, 19, true, now);
        now += WINDOW;
        assert_eq!(calls(&breaker, 19, true, now), 19);
    }
}
