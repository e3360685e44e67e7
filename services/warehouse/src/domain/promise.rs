//! When units can be shipped (IN-05).

use chrono::{DateTime, Utc};

/// What there is, as far as the promise goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Supply {
    /// Units that nobody was promised; below 0 where more was promised than there is.
    pub free: i64,
    /// Units that are expected, with when.
    pub incoming: Vec<(DateTime<Utc>, i64)>,
    /// When units that are sold before they are there will be shipped, with how many may be.
    pub preorder: Option<(DateTime<Utc>, i64)>,
}

/// A promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    /// First instant at which there are enough; none: never.
    pub ships_at: Option<DateTime<Utc>>,
    /// Units that there will have been in all by each instant at which some are expected.
    pub steps: Vec<(DateTime<Utc>, i64)>,
}

impl Supply {
    /// When `quantity` units can be shipped: the first instant at which what is free and what came until then are enough. What is
    /// overdue may come any time, so it counts as expected now.
    pub fn promise(&self, quantity: i64, now: DateTime<Utc>) -> Promise {
        let mut coming: Vec<(DateTime<Utc>, i64)> =
            self.incoming.iter().map(|(at, units)| ((*at).max(now), *units)).collect();
        coming.sort_by_key(|(at, _)| *at);
        let mut steps: Vec<(DateTime<Utc>, i64)> = Vec::new();
        let mut sum = self.free;
        for (at, units) in coming {
            sum += units;
            match steps.last_mut().filter(|(last, _)| *last == at) {
                Some((_, total)) => *total = sum.max(0),
                None => steps.push((at, sum.max(0))),
            }
        }
        let by_stock = match self.free >= quantity {
            true => Some(now),
            false => steps.iter().find(|(_, total)| *total >= quantity).map(|(at, _)| *at),
        };
        let preorder = self.preorder.filter(|(_, units)| *units >= quantity);
        let by_preorder = preorder.map(|(at, _)| at.max(now));
        let ships_at = match (by_stock, by_preorder) {
            (Some(stock), Some(preorder)) => Some(stock.min(preorder)),
            (stock, preorder) => stock.or(preorder),
        };
        Promise { ships_at, steps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::second;

    #[test]
    fn the_promise_is_the_first_instant_with_enough() {
        let incoming = vec![(second(300), 5), (second(200), 3), (second(300), 1)];
        let supply = Supply { free: 2, incoming, preorder: None };
        let ships_at = |quantity| supply.promise(quantity, second(100)).ships_at;
        assert_eq!(ships_at(2), Some(second(100)));
        assert_eq!(ships_at(3), Some(second(200)));
        assert_eq!(ships_at(6), Some(second(300)));
        assert_eq!(ships_at(11), Some(second(300)));
        assert_eq!(ships_at(12), None);
        let steps = supply.promise(1, second(100)).steps;
        assert_eq!(steps, [(second(200), 5), (second(300), 11)]);
    }

    #[test]
    fn what_was_promised_beyond_stock_comes_first() {
        let supply = Supply { free: -4, incoming: vec![(second(200), 5)], preorder: None };
        assert_eq!(supply.promise(1, second(100)).ships_at, Some(second(200)));
        assert_eq!(supply.promise(2, second(100)).ships_at, None);
    }

    #[test]
    fn what_is_overdue_is_expected_now_and_preorders_have_their_day() {
        let supply = Supply { free: 0, incoming: vec![(second(50), 5)], preorder: None };
        assert_eq!(supply.promise(5, second(100)).ships_at, Some(second(100)));
        let supply = Supply { preorder: Some((second(900), 10)), ..Supply::default() };
        assert_eq!(supply.promise(10, second(100)).ships_at, Some(second(900)));
        assert_eq!(supply.promise(11, second(100)).ships_at, None);
    }
}
