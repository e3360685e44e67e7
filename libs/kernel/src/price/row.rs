//! One price, and the rule its amounts obey.

use thiserror::Error;
use uuid::Uuid;

use crate::{currency::Currency, price::Scope, window::Window};

/// What a price is for. In order of preference: a price of the SKU itself beats every price of its
/// product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// For one SKU.
    Sku,
    /// For every SKU of a product that has no eligible price of its own.
    Product,
}

/// One price among those of an item. Holds only what decides which row applies; the caller fetched
/// the rows of the right SKU and product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceRow<S> {
    /// The last tie-break, and how a trace names the row.
    pub id: Uuid,
    /// Whether it is the SKU's own price or its product's.
    pub level: Level,
    /// A row is for one currency; nothing is converted.
    pub currency: Currency,
    /// Whom and where it is for.
    pub scope: Scope<S>,
    /// When it is in force.
    pub window: Window,
    /// Regular price in minor units.
    pub base: i64,
    /// What is asked instead while the row applies, at most `base`.
    pub sale: Option<i64>,
}

impl<S> PriceRow<S> {
    /// What the customer pays for one: the sale price where there is one, else the base price.
    pub fn amount(&self) -> i64 {
        self.sale.unwrap_or(self.base)
    }
}

/// Why two amounts make no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AmountError {
    /// Nobody is paid for taking an item; free (0) is allowed.
    #[error("the base price {base} is below zero")]
    NegativeBase {
        /// The refused base price.
        base: i64,
    },
    /// A sale price of 0 is allowed, below is not.
    #[error("the sale price {sale} is below zero")]
    NegativeSale {
        /// The refused sale price.
        sale: i64,
    },
    /// A sale never raises a price; an equal amount is allowed.
    #[error("the sale price {sale} is above the base price {base}")]
    SaleAboveBase {
        /// The refused sale price.
        sale: i64,
        /// The base price it exceeds.
        base: i64,
    },
}

/// `0 <= sale <= base` (PC-01). The first violation in that order is told.
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
