//! What a shop says of stock.

use kernel::stock::is_low;

/// Status of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// More is available than the threshold.
    InStock,
    /// The threshold or less is available.
    LowStock,
    /// Nothing is available, and units may be bought before they are there.
    Preorder,
    /// Nothing is available, and units may be bought beyond.
    Backorder,
    /// Nothing is available.
    OutOfStock,
}

/// What decides the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// Units that can be bought and shipped now.
    pub available: i64,
    /// Units that can be bought beyond these.
    pub backorderable: i64,
    /// Whether units are sold before they are there.
    pub is_preorder: bool,
    /// Available units at or below which stock is low.
    pub threshold: i64,
}

impl Status {
    /// All of them, from the best on.
    pub const ALL: [Self; 5] =
        [Self::InStock, Self::LowStock, Self::Preorder, Self::Backorder, Self::OutOfStock];

    /// The status that follows `before`. Stock that was low stays so until a tenth more than the threshold is available, at least one
    /// unit more, so that it does not flicker (IN-04).
    pub fn after(before: Option<Self>, measure: Measure) -> Self {
        let Measure { available, backorderable, is_preorder, threshold } = measure;
        if available <= 0 {
            return match (backorderable > 0, is_preorder) {
                (true, true) => Self::Preorder,
                (true, false) => Self::Backorder,
                (false, _) => Self::OutOfStock,
            };
        }
        let was_in_stock = before.is_none_or(|before| before == Self::InStock);
        if is_low(available, threshold, was_in_stock) { Self::LowStock } else { Self::InStock }
    }

    /// As the database keeps it.
    pub fn name(self) -> &'static str {
        match self {
            Self::InStock => "in_stock",
            Self::LowStock => "low_stock",
            Self::Preorder => "preorder",
            Self::Backorder => "backorder",
            Self::OutOfStock => "out_of_stock",
        }
    }

    /// The reverse of [`Status::name`].
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(before: Option<Status>, available: i64) -> Status {
        let measure = Measure { available, backorderable: 0, is_preorder: false, threshold: 10 };
        Status::after(before, measure)
    }

    #[test]
    fn stock_is_low_at_the_threshold_and_stays_so_until_a_tenth_more() {
        let low = Some(Status::LowStock);
        assert_eq!(after(Some(Status::InStock), 11), Status::InStock);
        assert_eq!(after(Some(Status::InStock), 10), Status::LowStock);
        assert_eq!(after(low, 10), Status::LowStock);
        assert_eq!(after(low, 11), Status::InStock, "10 and a tenth");
        assert_eq!(after(Some(Status::OutOfStock), 10), Status::LowStock);
        let measure =
            |available| Measure { available, backorderable: 0, is_preorder: false, threshold: 15 };
        assert_eq!(Status::after(low, measure(16)), Status::LowStock);
        assert_eq!(Status::after(low, measure(17)), Status::InStock, "a tenth of 15 rounds up");
        assert_eq!(Status::after(Some(Status::InStock), measure(16)), Status::InStock);
    }

    #[test]
    fn a_threshold_of_0_needs_one_unit() {
        let measure =
            |available| Measure { available, backorderable: 0, is_preorder: false, threshold: 0 };
        assert_eq!(Status::after(Some(Status::OutOfStock), measure(1)), Status::InStock);
        assert_eq!(Status::after(None, measure(0)), Status::OutOfStock);
    }

    #[test]
    fn nothing_available_may_still_be_bought() {
        let measure = |backorderable, is_preorder| Measure {
            available: 0,
            backorderable,
            is_preorder,
            threshold: 10,
        };
        assert_eq!(Status::after(None, measure(5, false)), Status::Backorder);
        assert_eq!(Status::after(None, measure(5, true)), Status::Preorder);
        assert_eq!(Status::after(None, measure(0, true)), Status::OutOfStock);
    }
}
