//! How many calls a service works on at a time: as many as it can without each of them taking longer than usual.

use std::collections::BTreeMap;
use std::time::Duration;

/// Calls after which the limit is looked at again.
const WINDOW: u32 = 50;
/// Calls may take so much longer than usual before there are to be fewer of them.
const TOLERANCE: f64 = 2.0;
/// Share of a new limit that counts.
const SMOOTHING: f64 = 0.2;
/// Calls over which what is usual is learnt.
const MEMORY: u32 = 5_000;
/// The limit never falls below this share of the highest one: a burst is no overload.
const LOWEST: f64 = 0.25;

/// The limit, after Netflix's Gradient2: where calls take longer than usual they wait for each other, so that fewer are let in; where they
/// do not, a few more. What is usual is known for each method.
#[derive(Debug)]
pub(super) struct Gradient {
    highest: f64,
    limit: f64,
    /// Usual seconds by method, and of how many calls.
    usual: BTreeMap<&'static str, (f64, u32)>,
    /// Sum of the ratios of this window, and how many.
    ratios: (f64, u32),
    /// Most calls at a time in this window.
    most: usize,
}

impl Gradient {
    pub(super) fn new(highest: usize) -> Self {
        let highest = highest as f64;
        Self { highest, limit: highest, usual: BTreeMap::new(), ratios: (0.0, 0), most: 0 }
    }

    /// Calls at a time.
    pub(super) fn limit(&self) -> usize {
        self.limit as usize
    }

    /// Takes into account that a call took so long while so many were under way.
    pub(super) fn note(&mut self, method: &'static str, took: Duration, under_way: usize) {
        // Below a millisecond it is the scheduler that is measured.
        let took = took.as_secs_f64().max(0.001);
        let (usual, calls) = self.usual.entry(method).or_insert((took, 0));
        let ratio = took / *usual;
        *calls = (*calls + 1).min(MEMORY);
        *usual += (took - *usual) / f64::from(*calls);
        self.ratios = (self.ratios.0 + ratio, self.ratios.1 + 1);
        self.most = self.most.max(under_way);
        if self.ratios.1 >= WINDOW {
            self.adapt(self.ratios.0 / f64::from(self.ratios.1));
            (self.ratios, self.most) = ((0.0, 0), 0);
        }
    }

    fn adapt(&mut self, ratio: f64) {
        // With few calls under way it is not they that make each other slow.
        if (self.most as f64) < self.limit / 2.0 {
            return;
        }
        let gradient = (TOLERANCE / ratio).clamp(0.5, 1.0);
        let new = self.limit * gradient + self.limit.sqrt();
        let smooth = self.limit * (1.0 - SMOOTHING) + new * SMOOTHING;
        self.limit = smooth.clamp((self.highest * LOWEST).max(1.0), self.highest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(gradient: &mut Gradient, calls: u32, millis: u64, under_way: usize) -> usize {
        for _ in 0..calls {
            gradient.note("m", Duration::from_millis(millis), under_way);
        }
        gradient.limit()
    }

    #[test]
    fn slow_calls_that_are_many_lower_the_limit_and_usual_ones_raise_it_again() {
        let mut gradient = Gradient::new(1_000);
        assert_eq!(run(&mut gradient, 5_000, 10, 600), 1_000);
        let lowered = run(&mut gradient, 300, 200, 900);
        assert!((250..700).contains(&lowered), "{lowered}");
        let raised = run(&mut gradient, 1_000, 10, 600);
        assert!(raised > lowered + 50, "{lowered} {raised}");
    }

    #[test]
    fn slow_calls_that_are_few_change_nothing_and_no_flood_closes_the_service() {
        let mut gradient = Gradient::new(1_000);
        run(&mut gradient, 5_000, 10, 10);
        assert_eq!(run(&mut gradient, 200, 500, 10), 1_000);
        assert_eq!(run(&mut gradient, 1_000, 5_000, 1_000), 250);
    }

    #[test]
    fn one_slow_method_does_not_speak_against_another() {
        let mut gradient = Gradient::new(100);
        for _ in 0..200 {
            gradient.note("fast", Duration::from_millis(2), 90);
            gradient.note("slow", Duration::from_secs(2), 90);
        }
        assert_eq!(gradient.limit(), 100);
    }
}
