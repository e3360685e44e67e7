//! A price and its decisions.

use crate::domain::draft::{PriceDraft, PriceKey};
use crate::domain::item::Target;
use chrono::{DateTime, Utc};
use fault::Fault;
use kernel::head::{Change, Changed, Head};
use kernel::id::Id;
use kernel::money::Money;
use kernel::price::PriceRow;
use pricing_api::v1::Reason;

/// What an item costs for a scope, in a currency, during a window. Its key never changes. One that is
/// set again after its deletion keeps its id and goes on counting versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// Its id, version and instants.
    pub head: Head<Price>,
    /// What it is for.
    pub target: Target,
    /// Where, for whom and when it holds, and in which currency.
    pub key: PriceKey,
    /// Base amount in minor units.
    pub base: i64,
    /// Sale amount in minor units.
    pub sale: Option<i64>,
}

impl Price {
    /// A price that did not exist before.
    pub fn first(
        id: Id<Price>,
        draft: &PriceDraft,
        target: &Target,
        at: DateTime<Utc>,
    ) -> (Self, Change) {
        let price = Self {
            head: Head::new(id, at),
            target: target.clone(),
            key: draft.key.clone(),
            base: draft.base,
            sale: draft.sale,
        };
        (price, Change::Created)
    }

    /// Sets the amounts; nothing happened where they are these already.
    pub fn set(
        &mut self,
        draft: &PriceDraft,
        expected: Option<i64>,
        at: DateTime<Utc>,
    ) -> Result<Option<Change>, Fault> {
        self.head.expect(expected)?;
        let mut changed = Changed::default();
        changed.set("base", &mut self.base, draft.base);
        changed.set("sale", &mut self.sale, draft.sale);
        Ok(match self.head.is_deleted() {
            true => Some(self.head.restore(at)),
            false => self.head.update(changed, at),
        })
    }

    /// Deletes it.
    pub fn delete(&mut self, expected: Option<i64>, at: DateTime<Utc>) -> Result<Change, Fault> {
        if self.head.is_deleted() {
            return Err(not_found());
        }
        self.head.expect(expected)?;
        Ok(self.head.delete(at))
    }

    /// What decides whether it applies.
    pub fn row(&self) -> PriceRow<String> {
        PriceRow {
            id: self.head.id.uuid(),
            level: self.key.item.level(),
            currency: self.key.currency,
            scope: self.key.scope.clone(),
            window: self.key.window,
            base: self.base,
            sale: self.sale,
        }
    }

    /// What the item costs where the price applies.
    pub fn amount(&self) -> Money {
        Money::new(self.sale.unwrap_or(self.base), self.key.currency)
    }
}

/// The refusal for a price that does not exist, or no longer.
pub fn not_found() -> Fault {
    Fault::new(Reason::PriceNotFound, "there is no such price, or it has been deleted")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{draft, price, second};
    use fault::Common;

    fn updated(changed: &[&'static str]) -> Option<Change> {
        Some(Change::Updated(changed.to_vec()))
    }

    fn assert_stale<T: std::fmt::Debug>(result: Result<T, Fault>, current: &str, expected: i64) {
        let fault = result.unwrap_err();
        assert!(fault.is(Common::ConcurrentModification), "{fault:?}");
        assert_eq!(fault.metadata()["current_version"], current);
        assert!(fault.message().contains(&expected.to_string()), "{fault:?}");
    }

    #[test]
    fn a_change_takes_the_next_version_and_names_what_changed() {
        let mut price = price("A-1", 100);
        let mut wanted = draft("A-1", 90);
        assert_eq!(price.set(&wanted, None, second(5)).unwrap(), updated(&["base"]));
        wanted.sale = Some(80);
        assert_eq!(price.set(&wanted, Some(2), second(6)).unwrap(), updated(&["sale"]));
        assert_eq!((price.head.version, price.base, price.sale), (3, 90, Some(80)));
        assert_eq!((price.head.created_at, price.head.updated_at), (second(0), second(6)));
        assert_eq!(price.amount().minor, 80);
    }

    #[test]
    fn setting_what_is_there_changes_nothing() {
        let mut price = price("A-1", 100);
        let before = price.clone();
        assert_eq!(price.set(&draft("A-1", 100), Some(1), second(5)).unwrap(), None);
        assert_eq!(price, before);
    }

    #[test]
    fn an_old_version_is_refused_even_where_nothing_would_change() {
        let mut price = price("A-1", 100);
        for expected in [0, 2] {
            assert_stale(price.set(&draft("A-1", 100), Some(expected), second(5)), "1", expected);
        }
    }

    #[test]
    fn a_deleted_price_does_not_exist_until_it_is_set_again_and_then_goes_on_counting() {
        let mut price = price("A-1", 100);
        let id = price.head.id;
        assert_stale(price.delete(Some(9), second(5)), "1", 9);
        assert_eq!(price.delete(Some(1), second(5)).unwrap(), Change::Deleted);
        assert_eq!((price.head.version, price.head.deleted_at), (2, Some(second(5))));
        assert!(price.delete(None, second(6)).unwrap_err().is(Reason::PriceNotFound));

        assert_stale(price.set(&draft("A-1", 100), Some(2), second(7)), "0", 2);
        assert_eq!(price.set(&draft("A-1", 100), Some(0), second(7)).unwrap(), updated(&[]));
        assert_eq!((price.head.id, price.head.version, price.head.deleted_at), (id, 3, None));
    }
}
