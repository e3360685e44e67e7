//! A change of a price that a caller names by its id.

use crate::domain::draft::refused;
use crate::domain::price::{Price, not_found};
use chrono::{DateTime, Utc};
use fault::Fault;
use kernel::head::{Change, Changed};
use kernel::id::Id;
use kernel::money::Money;
use kernel::price::check_amounts;
use kernel::window::Window;
use pricing_api::v1::Reason;

/// The fields that an update may name.
pub const FIELDS: [&str; 4] = ["base", "sale", "from", "until"];

/// New values of a price. Those that are not named are not looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceUpdate {
    /// The price.
    pub id: Id<Price>,
    /// Which of the values change.
    pub named: Vec<&'static str>,
    /// Base amount; there is one where it is named.
    pub base: Option<Money>,
    /// Sale amount.
    pub sale: Option<Money>,
    /// Start of the window.
    pub from: Option<DateTime<Utc>>,
    /// End of the window.
    pub until: Option<DateTime<Utc>>,
    /// Version that the caller has seen, if it matters.
    pub expected: Option<i64>,
}

impl Price {
    /// Changes amounts and window. Whether another price is in the way is not known here.
    pub fn update(
        &mut self,
        update: &PriceUpdate,
        at: DateTime<Utc>,
    ) -> Result<Option<Change>, Fault> {
        if self.head.is_deleted() {
            return Err(not_found());
        }
        self.head.expect(update.expected)?;
        let own = self.key.currency;
        for (field, amount) in [("base", update.base), ("sale", update.sale)] {
            if let Some(amount) = amount.filter(|amount| amount.currency != own) {
                let path = format!("values.{field}.currency_code");
                let message =
                    format!("is in {}, the price in {own}, which never changes", amount.currency);
                return Err(Fault::field(Reason::CurrencyMismatch, path, message));
            }
        }
        let window = self.key.window;
        let (mut from, mut until) = (window.from(), window.until());
        let mut new = self.clone();
        let mut changed = Changed::among(&update.named);
        if let Some(base) = update.base {
            changed.set("base", &mut new.base, base.minor);
        }
        changed.set("sale", &mut new.sale, update.sale.map(|sale| sale.minor));
        changed.set("from", &mut from, update.from);
        changed.set("until", &mut until, update.until);
        check_amounts(new.base, new.sale).map_err(|error| refused(error).below("values"))?;
        new.key.window = Window::try_new(from, until).map_err(|error| {
            Fault::field(Reason::WindowInvalid, "values.until", error.to_string())
        })?;
        let change = new.head.update(changed, at);
        *self = new;
        Ok(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{money, price, second, window};

    fn update(named: &[&'static str]) -> PriceUpdate {
        let id = price("A-1", 100).head.id;
        let named = named.to_vec();
        PriceUpdate { id, named, base: None, sale: None, from: None, until: None, expected: None }
    }

    /// A price of 100 with a sale of 80 from second 1 until 5.
    fn dated() -> Price {
        let mut price = price("A-1", 100);
        price.sale = Some(80);
        price.key.window = window(Some(1), Some(5));
        price
    }

    #[test]
    fn only_what_is_named_changes_and_what_is_named_and_absent_is_cleared() {
        let mut price = dated();
        let end = PriceUpdate { until: Some(second(9)), ..update(&["until"]) };
        let change = price.update(&end, second(7)).unwrap();
        assert_eq!(change, Some(Change::Updated(vec!["until"])));
        assert_eq!((price.key.window, price.sale), (window(Some(1), Some(9)), Some(80)));
        assert_eq!((price.head.version, price.head.updated_at), (2, second(7)));
        assert_eq!(price.update(&end, second(8)).unwrap(), None);

        let clear = update(&["sale", "from", "until"]);
        assert_eq!(
            price.update(&clear, second(8)).unwrap(),
            Some(Change::Updated(vec!["sale", "from", "until"]))
        );
        assert_eq!((price.key.window, price.sale), (Window::ALWAYS, None));
    }

    #[test]
    fn a_wrong_value_is_refused_with_its_field_and_changes_nothing() {
        let usd = |minor| Some(money(minor, "USD"));
        let cases = [
            (
                PriceUpdate { base: usd(79), ..update(&["base"]) },
                ("SALE_ABOVE_BASE", "values.sale.minor_units"),
            ),
            (
                PriceUpdate { base: usd(-1), ..update(&["base", "sale"]) },
                ("NEGATIVE_PRICE", "values.base.minor_units"),
            ),
            (
                PriceUpdate { sale: Some(money(1, "EUR")), ..update(&["sale"]) },
                ("CURRENCY_MISMATCH", "values.sale.currency_code"),
            ),
            (
                PriceUpdate { until: Some(second(1)), ..update(&["until"]) },
                ("WINDOW_INVALID", "values.until"),
            ),
            (
                PriceUpdate { expected: Some(3), ..update(&["sale"]) },
                ("CONCURRENT_MODIFICATION", ""),
            ),
        ];
        for (update, (reason, field)) in cases {
            let mut price = dated();
            let fault = price.update(&update, second(7)).unwrap_err();
            let found = fault.violations().first().map(|found| found.field.as_str());
            assert_eq!((fault.reason(), found.unwrap_or_default()), (reason, field));
            assert_eq!(price, dated());
        }
        let mut gone = dated();
        gone.delete(None, second(6)).unwrap();
        assert!(gone.update(&update(&["sale"]), second(7)).unwrap_err().is(Reason::PriceNotFound));
    }
}
