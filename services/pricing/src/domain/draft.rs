//! A price that a caller wants to set, checked by all rules that need no other price.

use crate::domain::item::Item;
use fault::Fault;
use kernel::currency::Currency;
use kernel::money::Money;
use kernel::price::{AmountError, Scope, check_amounts};
use kernel::window::Window;
use pricing_api::v1::Reason;

/// What tells prices apart: no two have the same key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PriceKey {
    /// What it is for.
    pub item: Item,
    /// Where and for whom it holds.
    pub scope: Scope<String>,
    /// Currency of its amounts.
    pub currency: Currency,
    /// When it holds.
    pub window: Window,
}

/// A valid price: `0 <= sale <= base`, one currency, a window that holds an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceDraft {
    /// Which price it is.
    pub key: PriceKey,
    /// Base amount in minor units.
    pub base: i64,
    /// Sale amount in minor units.
    pub sale: Option<i64>,
}

impl PriceDraft {
    /// Checks the amounts.
    pub fn try_new(
        item: Item,
        scope: Scope<String>,
        base: Money,
        sale: Option<Money>,
        window: Window,
    ) -> Result<Self, Fault> {
        if let Some(sale) = sale.filter(|sale| sale.currency != base.currency) {
            let (base, sale) = (base.currency, sale.currency);
            let message =
                format!("is in {sale}, the base amount in {base}; both must be in one currency");
            return Err(Fault::field(Reason::CurrencyMismatch, "sale.currency_code", message));
        }
        let sale = sale.map(|sale| sale.minor);
        check_amounts(base.minor, sale).map_err(refused)?;
        let key = PriceKey { item, scope, currency: base.currency, window };
        Ok(Self { key, base: base.minor, sale })
    }
}

/// Amounts that break `0 <= sale <= base`.
pub(super) fn refused(error: AmountError) -> Fault {
    let (reason, field) = match error {
        AmountError::NegativeBase { .. } => (Reason::NegativePrice, "base.minor_units"),
        AmountError::NegativeSale { .. } => (Reason::NegativePrice, "sale.minor_units"),
        AmountError::SaleAboveBase { .. } => (Reason::SaleAboveBase, "sale.minor_units"),
    };
    Fault::field(reason, field, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{item, money, window};

    /// Reason and field of the refusal, or nothing.
    fn check(base: Money, sale: Option<Money>) -> Option<(String, String)> {
        let window = window(Some(1), Some(2));
        let fault = PriceDraft::try_new(item("A-1"), Scope::UNSCOPED, base, sale, window).err()?;
        Some((fault.reason().to_owned(), fault.violations()[0].field.clone()))
    }

    #[test]
    fn every_rule_names_its_reason_and_its_field() {
        let usd = |minor| money(minor, "USD");
        let refused = |reason: &str, field: &str| Some((reason.to_owned(), field.to_owned()));
        let negative = |field| refused("NEGATIVE_PRICE", field);
        let cases = [
            (check(usd(100), Some(usd(100))), None),
            (check(usd(0), Some(usd(0))), None),
            (check(usd(100), None), None),
            (check(usd(-1), None), negative("base.minor_units")),
            (check(usd(100), Some(usd(-1))), negative("sale.minor_units")),
            (check(usd(100), Some(usd(101))), refused("SALE_ABOVE_BASE", "sale.minor_units")),
            (
                check(usd(100), Some(money(90, "EUR"))),
                refused("CURRENCY_MISMATCH", "sale.currency_code"),
            ),
        ];
        for (at, (got, expected)) in cases.into_iter().enumerate() {
            assert_eq!(got, expected, "case {at}");
        }
    }
}
