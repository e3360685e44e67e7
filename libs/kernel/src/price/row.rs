//! One price row, and the rule for its amounts.

use thiserror::Error;
use uuid::Uuid;

use crate::{currency::Currency, price::Scope, window::Window};

/// What a price is for, in order of preference: a price of the SKU wins over every price of its
/// product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// For one SKU.
    Sku,
    /// For every SKU of a product that has no eligible price of its own.
    Product,
}

/// One price of an item, with only the fields that price selection needs. The caller passes the rows
/// of one SKU and its product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceRow<S> {
    /// Identifies the row, and is the last tie-breaker.
    pub id: Uuid,
    /// Whether it is the SKU's own price or its product's.
    pub level: Level,
    /// A row is for one currency; nothing is converted.
    pub currency: Currency,
    /// For whom and where it is valid.
    pub scope: Scope<S>,
    /// When it is valid.
    pub window: Window,
    /// Regular price in minor units.
    pub base: i64,
    /// Sale price, which replaces `base`; at most `base`.
    pub sale: Option<i64>,
}

impl<S> PriceRow<S> {
    /// What the customer pays for one: the sale price where there is one, else the base price.
    pub fn amount(&self) -> i64 {
        self.sale.unwrap_or(self.base)
    }
}

/// Why the amounts of a price are invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AmountError {
    /// The base price is negative; 0 is allowed.
    #[error("the base price {base} is below zero")]
    NegativeBase {
        /// The refused base price.
        base: i64,
    },
    /// The sale price is negative; 0 is allowed.
    #[error("the sale price {sale} is below zero")]
    NegativeSale {
        /// The refused sale price.
        sale: i64,
    },
    /// The sale price is above the base price; an equal one is allowed.
    #[error("the sale price {sale} is above the base price {base}")]
    SaleAboveBase {
        /// The refused sale price.
        sale: i64,
        /// The base price it exceeds.
        base: i64,
    },
}

/// Checks `0 <= sale <= base` and returns the first violation.
pub fn check_amounts(base: i64, sale: Option<i64>) -> Result<(), AmountError> {
    match sale {
        _ if base < 0 => Err(AmountError::NegativeBase { base }),
        Some(sale) if sale < 0 => Err(AmountError::NegativeSale { sale }),
        Some(sale) if base < sale => Err(AmountError::SaleAboveBase { sale, base }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sale_lies_between_zero_and_base() {
        assert_eq!(check_amounts(0, None), Ok(()));
        assert_eq!(check_amounts(0, Some(0)), Ok(()));
        assert_eq!(check_amounts(100, Some(0)), Ok(()));
        assert_eq!(check_amounts(100, Some(100)), Ok(()));
        assert_eq!(check_amounts(-1, Some(-2)), Err(AmountError::NegativeBase { base: -1 }));
        assert_eq!(check_amounts(100, Some(-1)), Err(AmountError::NegativeSale { sale: -1 }));
        assert_eq!(
            check_amounts(100, Some(101)),
            Err(AmountError::SaleAboveBase { sale: 101, base: 100 })
        );
    }
}
