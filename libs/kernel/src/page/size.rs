//! How many rows a page holds.

use thiserror::Error;

/// Between 1 and [`PageSize::MAX`] rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageSize(u16);

/// Asking for fewer than no rows is a bug of the caller, unlike asking for too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a page cannot have {requested} rows")]
pub struct NegativePageSize {
    /// What was asked for.
    pub requested: i32,
}

impl PageSize {
    /// What a caller gets who does not say.
    pub const DEFAULT: Self = Self(20);
    /// What a caller gets at most, whatever was asked for.
    pub const MAX: Self = Self(500);

    /// The page size for a request's field, where 0 means that it was left out.
    pub fn of(requested: i32) -> Result<Self, NegativePageSize> {
        match u16::try_from(requested) {
            Ok(0) => Ok(Self::DEFAULT),
            Ok(rows) => Ok(Self(rows).min(Self::MAX)),
            Err(_) if requested < 0 => Err(NegativePageSize { requested }),
            Err(_) => Ok(Self::MAX),
        }
    }

    /// The number of rows; narrow, so that it becomes the `i64` of a LIMIT or a `usize` without a
    /// check.
    pub const fn get(self) -> u16 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_the_default_and_too_many_are_the_most() {
        let sizes = [0, 1, 20, 499, 500, 501, 65_536, i32::MAX]
            .map(|requested| PageSize::of(requested).unwrap().get());
        assert_eq!(sizes, [20, 1, 20, 499, 500, 500, 500, 500]);
    }

    #[test]
    fn negative_is_refused() {
        for requested in [-1, i32::MIN] {
            assert_eq!(PageSize::of(requested), Err(NegativePageSize { requested }));
        }
    }
}
