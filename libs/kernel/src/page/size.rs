//! Page sizes.

use thiserror::Error;

/// Number of rows on a page: at least one, at most the maximum of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageSize(u16);

/// A negative page size was requested. That is an error, while a too large one is only reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a page cannot have {requested} rows")]
pub struct NegativePageSize {
    /// The requested page size.
    pub requested: i32,
}

impl PageSize {
    /// Used if the request does not set a page size.
    pub const DEFAULT: Self = Self(20);
    /// Larger page sizes are reduced to this one.
    pub const MAX: Self = Self(500);

    /// The page size for a request's field; 0 means that the field is not set.
    pub fn of(requested: i32) -> Result<Self, NegativePageSize> {
        Self::up_to(requested, Self::MAX.0)
    }

    /// Like [`PageSize::of`], for a list with its own maximum.
    pub fn up_to(requested: i32, max: u16) -> Result<Self, NegativePageSize> {
        match u16::try_from(requested) {
            Ok(0) => Ok(Self::DEFAULT),
            Ok(rows) => Ok(Self(rows.min(max))),
            Err(_) if requested < 0 => Err(NegativePageSize { requested }),
            Err(_) => Ok(Self(max)),
        }
    }

    /// The number of rows; a `u16`, so that it converts to `i64` and `usize` without a check.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Number of rows to read for a page: one more than it shows, to see whether another page
    /// follows.
    pub fn rows(self) -> i64 {
        i64::from(self.0) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_the_default_and_too_many_are_the_maximum() {
        let sizes = [0, 1, 20, 499, 500, 501, 65_536, i32::MAX]
            .map(|requested| PageSize::of(requested).unwrap().get());
        assert_eq!(sizes, [20, 1, 20, 499, 500, 500, 500, 500]);
        let sizes = [0, 5_000, 5_001, i32::MAX]
            .map(|requested| PageSize::up_to(requested, 5_000).unwrap().get());
        assert_eq!(sizes, [20, 5_000, 5_000, 5_000]);
    }

    #[test]
    fn negative_is_refused() {
        for requested in [-1, i32::MIN] {
            assert_eq!(PageSize::of(requested), Err(NegativePageSize { requested }));
        }
    }
}
