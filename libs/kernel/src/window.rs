//! Validity periods: half-open windows of UTC instants.

use chrono::{DateTime, Utc};
use thiserror::Error;

/// From `from` (inclusive) to `until` (exclusive); an absent side is unbounded. Half-open, so that
/// one window can end at the instant at which the next begins, without a gap or an overlap. It always
/// contains at least one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Window {
    from: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
}

/// The window would contain no instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a window from {from} must end after it starts, not at {until}")]
pub struct EmptyWindow {
    /// Requested start.
    pub from: DateTime<Utc>,
    /// Requested end.
    pub until: DateTime<Utc>,
}

impl Window {
    /// Unbounded on both sides.
    pub const ALWAYS: Self = Self { from: None, until: None };

    /// Rejects a window that ends at or before its start.
    pub fn try_new(
        from: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> Result<Self, EmptyWindow> {
        match (from, until) {
            (Some(from), Some(until)) if until <= from => Err(EmptyWindow { from, until }),
            _ => Ok(Self { from, until }),
        }
    }

    /// The first instant inside, or none if the window has no start.
    pub fn from(&self) -> Option<DateTime<Utc>> {
        self.from
    }

    /// The first instant after the window, or none if it has no end.
    pub fn until(&self) -> Option<DateTime<Utc>> {
        self.until
    }

    /// True from `from` itself up to, but not at, `until`.
    pub fn contains(&self, at: DateTime<Utc>) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }

    /// Whether at least one side is bounded.
    pub fn is_dated(&self) -> bool {
        *self != Self::ALWAYS
    }

    /// Whether some instant is in both; windows that only touch do not overlap.
    pub fn overlaps(&self, other: &Self) -> bool {
        let is_before = |from: Option<DateTime<Utc>>, until: Option<DateTime<Utc>>| {
            from.zip(until).is_none_or(|(from, until)| from < until)
        };
        is_before(self.from, other.until) && is_before(other.from, self.until)
    }

    /// The first instant after `after` at which the result of `contains` changes, or none.
    pub fn next_edge(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        [self.from, self.until].into_iter().flatten().find(|edge| after < *edge)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn second(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn window(from: Option<i64>, until: Option<i64>) -> Window {
        Window::try_new(from.map(second), until.map(second)).unwrap()
    }

    #[test]
    fn the_first_instant_is_inside_and_the_last_is_not() {
        let window = window(Some(10), Some(20));
        let inside = [9, 10, 19, 20].map(|at| window.contains(second(at)));
        assert_eq!(inside, [false, true, true, false]);
    }

    #[test]
    fn a_window_must_hold_an_instant() {
        for until in [9, 10] {
            let (from, until) = (second(10), second(until));
            let refused = Window::try_new(Some(from), Some(until)).unwrap_err();
            assert_eq!(refused, EmptyWindow { from, until });
        }
    }

    #[test]
    fn one_bounded_side_is_enough_to_be_dated() {
        assert!(!Window::ALWAYS.is_dated());
        assert!(window(Some(1), None).is_dated());
        assert!(window(None, Some(1)).is_dated());
    }

    #[test]
    fn touching_windows_do_not_overlap() {
        let check = |left: Window, right: Window, expected| {
            assert_eq!(left.overlaps(&right), expected, "{left:?} {right:?}");
            assert_eq!(right.overlaps(&left), expected, "{right:?} {left:?}");
        };
        check(window(Some(1), Some(5)), window(Some(5), Some(9)), false);
        check(window(Some(1), Some(5)), window(Some(4), None), true);
        check(window(None, Some(5)), window(Some(5), None), false);
        check(window(Some(1), Some(9)), window(Some(3), Some(4)), true);
        check(Window::ALWAYS, window(Some(3), Some(4)), true);
    }

    #[test]
    fn next_edge_is_strictly_later() {
        let window = window(Some(10), Some(20));
        let edges = [9, 10, 19, 20].map(|after| window.next_edge(second(after)));
        assert_eq!(edges, [Some(10), Some(20), Some(20), None].map(|edge| edge.map(second)));
        assert_eq!(Window::ALWAYS.next_edge(second(0)), None);
    }

    fn any_window() -> impl Strategy<Value = Window> {
        let edge = || prop::option::of((0..50i64).prop_map(second));
        (edge(), edge()).prop_filter_map("empty", |(from, until)| Window::try_new(from, until).ok())
    }

    proptest! {
        #[test]
        fn overlapping_is_sharing_an_instant(left in any_window(), right in any_window()) {
            let shared = (-1..=51).map(second).any(|at| left.contains(at) && right.contains(at));
            prop_assert_eq!(left.overlaps(&right), shared);
        }

        #[test]
        fn nothing_changes_before_the_next_edge(window in any_window(), after in -1..51i64) {
            let was_inside = window.contains(second(after));
            let changed = (after..=51).map(second).find(|at| window.contains(*at) != was_inside);
            prop_assert_eq!(window.next_edge(second(after)), changed);
        }
    }
}
