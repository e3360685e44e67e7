//! A price and its decisions.

use crate::domain::draft::{PriceDraft, PriceKey};
use crate::domain::item::Target;
use chrono::{DateTime, Utc};
use contracts::pricing::v1::Reason;
use fault::Fault;
use kernel::id::Id;
use kernel::price::PriceRow;
use thiserror::Error;

/// What an item costs for a scope, in a currency, during a window. Its key never changes. Every
/// change takes the next version, a deletion too, and the row of a deleted price stays: so versions
/// go on when it is set again, and nothing late resurrects it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// UUIDv7; the same after a deletion and a new setting.
    pub id: Id<Price>,
    /// What it is for.
    pub target: Target,
    /// Where, for whom and when it holds, and in which currency.
    pub key: PriceKey,
    /// Base amount in minor units.
    pub base: i64,
    /// Sale amount in minor units.
    pub sale: Option<i64>,
    /// From 1.
    pub version: i64,
    /// When it was deleted, if it is.
    pub deleted_at: Option<DateTime<Utc>>,
    /// When it was first set.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What happened to a price; the price itself is the state that the event carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PriceEvent {
    /// It was created, changed, or set again after its deletion.
    Updated {
        /// Names of the fields that changed; none where it did not exist before.
        changed: Vec<&'static str>,
    },
    /// It was deleted.
    Deleted,
}

/// Why a price cannot be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PriceRefusal {
    /// There is no such price, or no more.
    #[error("there is no such price, or it has been deleted")]
    NotFound,
    /// Somebody else was faster.
    #[error("the current version is {current}, not {expected}")]
    Stale {
        /// Version of the price; 0 where it does not exist.
        current: i64,
        /// What the caller had seen.
        expected: i64,
    },
}

impl Price {
    /// A price that did not exist before.
    pub fn first(
        id: Id<Price>,
        draft: &PriceDraft,
        target: &Target,
        at: DateTime<Utc>,
    ) -> (Self, PriceEvent) {
        let price = Self {
            id,
            target: target.clone(),
            key: draft.key.clone(),
            base: draft.base,
            sale: draft.sale,
            version: 1,
            deleted_at: None,
            created_at: at,
            updated_at: at,
        };
        (price, PriceEvent::Updated { changed: Vec::new() })
    }

    /// Sets the amounts; nothing happened where they are these already.
    pub fn set(
        &mut self,
        draft: &PriceDraft,
        expected: Option<i64>,
        at: DateTime<Utc>,
    ) -> Result<Option<PriceEvent>, PriceRefusal> {
        expect(self.current(), expected)?;
        let changed = match self.deleted_at {
            Some(_) => Vec::new(),
            None => {
                let mut changed = Vec::new();
                if self.base != draft.base {
                    changed.push("base");
                }
                if self.sale != draft.sale {
                    changed.push("sale");
                }
                if changed.is_empty() {
                    return Ok(None);
                }
                changed
            }
        };
        (self.base, self.sale) = (draft.base, draft.sale);
        self.deleted_at = None;
        self.advance(at);
        Ok(Some(PriceEvent::Updated { changed }))
    }

    /// Deletes it.
    pub fn delete(
        &mut self,
        expected: Option<i64>,
        at: DateTime<Utc>,
    ) -> Result<PriceEvent, PriceRefusal> {
        if self.deleted_at.is_some() {
            return Err(PriceRefusal::NotFound);
        }
        expect(self.version, expected)?;
        self.advance(at);
        self.deleted_at = Some(at);
        Ok(PriceEvent::Deleted)
    }

    /// What is said of it where it is published again as it is: nothing has changed.
    pub fn again(&self) -> PriceEvent {
        match self.deleted_at {
            Some(_) => PriceEvent::Deleted,
            None => PriceEvent::Updated { changed: Vec::new() },
        }
    }

    /// What decides whether it applies.
    pub fn row(&self) -> PriceRow<String> {
        PriceRow {
            id: self.id.uuid(),
            level: self.key.item.level(),
            currency: self.key.currency,
            scope: self.key.scope.clone(),
            window: self.key.window,
            base: self.base,
            sale: self.sale,
        }
    }

    /// What the item costs where the price applies.
    pub fn amount(&self) -> i64 {
        self.sale.unwrap_or(self.base)
    }

    /// The version that callers see: a deleted price does not exist.
    fn current(&self) -> i64 {
        if self.deleted_at.is_some() { 0 } else { self.version }
    }

    fn advance(&mut self, at: DateTime<Utc>) {
        self.version += 1;
        self.updated_at = at;
    }
}

/// Compares the version that a caller has seen, 0 for a price that does not exist, with the current
/// one.
pub fn expect(current: i64, expected: Option<i64>) -> Result<(), PriceRefusal> {
    match expected {
        Some(expected) if expected != current => Err(PriceRefusal::Stale { current, expected }),
        _ => Ok(()),
    }
}

impl From<PriceRefusal> for Fault {
    fn from(refusal: PriceRefusal) -> Self {
        match refusal {
            PriceRefusal::NotFound => Self::new(Reason::PriceNotFound, refusal.to_string()),
            PriceRefusal::Stale { current, expected } => Self::conflict(current, expected),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{draft, price, second};

    fn updated(changed: &[&'static str]) -> Result<Option<PriceEvent>, PriceRefusal> {
        Ok(Some(PriceEvent::Updated { changed: changed.to_vec() }))
    }

    #[test]
    fn a_change_takes_the_next_version_and_names_what_changed() {
        let mut price = price("A-1", 100);
        let mut wanted = draft("A-1", 90);
        assert_eq!(price.set(&wanted, None, second(5)), updated(&["base"]));
        wanted.sale = Some(80);
        assert_eq!(price.set(&wanted, Some(2), second(6)), updated(&["sale"]));
        assert_eq!((price.version, price.base, price.sale), (3, 90, Some(80)));
        assert_eq!((price.created_at, price.updated_at), (second(0), second(6)));
        assert_eq!(price.amount(), 80);
    }

    #[test]
    fn setting_what_is_there_changes_nothing() {
        let mut price = price("A-1", 100);
        let before = price.clone();
        assert_eq!(price.set(&draft("A-1", 100), Some(1), second(5)), Ok(None));
        assert_eq!(price, before);
    }

    #[test]
    fn an_old_version_is_refused_even_where_nothing_would_change() {
        let mut price = price("A-1", 100);
        let stale = |expected| Err(PriceRefusal::Stale { current: 1, expected });
        for expected in [0, 2] {
            assert_eq!(price.set(&draft("A-1", 100), Some(expected), second(5)), stale(expected));
        }
        let fault = Fault::from(PriceRefusal::Stale { current: 1, expected: 2 });
        assert!(fault.is(fault::Common::ConcurrentModification));
        assert_eq!(fault.metadata()["current_version"], "1");
    }

    #[test]
    fn a_deleted_price_does_not_exist_until_it_is_set_again_and_then_goes_on_counting() {
        let mut price = price("A-1", 100);
        let id = price.id;
        let stale = PriceRefusal::Stale { current: 1, expected: 9 };
        assert_eq!(price.delete(Some(9), second(5)), Err(stale));
        assert_eq!(price.delete(Some(1), second(5)), Ok(PriceEvent::Deleted));
        assert_eq!((price.version, price.deleted_at), (2, Some(second(5))));
        assert_eq!(price.delete(None, second(6)), Err(PriceRefusal::NotFound));

        let stale = Err(PriceRefusal::Stale { current: 0, expected: 2 });
        assert_eq!(price.set(&draft("A-1", 100), Some(2), second(7)), stale);
        assert_eq!(price.set(&draft("A-1", 100), Some(0), second(7)), updated(&[]));
        assert_eq!((price.id, price.version, price.deleted_at), (id, 3, None));
    }
}
