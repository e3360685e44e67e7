//! Changes of the units on hand: what each books.

use super::ledger::{Cause, Delta, Kind};
use super::level::{Level, Settings};
use super::warehouse::Warehouse;
use kernel::id::Id;
use kernel::sku::Sku;

/// A change of a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockUpdate {
    /// SKU.
    pub sku: Sku,
    /// The warehouse.
    pub warehouse_id: Id<Warehouse>,
    /// What is done.
    pub change: Change,
    /// Version that the caller expects.
    pub expected: Option<i64>,
    /// Key of the caller's.
    pub key: Option<String>,
    /// Why.
    pub note: String,
    /// Reference of the units that came.
    pub incoming: Option<String>,
    /// Order that they came back from.
    pub order_id: Option<String>,
    /// Units that are never sold, from now on.
    pub safety_stock: Option<i64>,
    /// Units that may be promised beyond what there is, from now on.
    pub backorder_limit: Option<i64>,
}

/// What is done to the units on hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// There are so many.
    Set(i64),
    /// So many more or fewer.
    Adjust(i64),
    /// So many came.
    Receive(i64),
    /// Somebody counted so many.
    Count(i64),
    /// So many came back.
    Return(i64),
}

impl StockUpdate {
    /// The movement that it is on a level; none where nothing changes. A count that finds what was expected is recorded all the same:
    /// somebody looked.
    pub fn movement(&self, level: &Level) -> Option<(Kind, Delta)> {
        let (kind, units) = match self.change {
            Change::Set(units) => (Kind::Adjust, units - level.on_hand),
            Change::Adjust(units) => (Kind::Adjust, units),
            Change::Receive(units) => (Kind::Receive, units),
            Change::Count(units) => (Kind::Count, units - level.on_hand),
            Change::Return(units) => (Kind::Return, units),
        };
        (units != 0 || kind == Kind::Count).then(|| (kind, Delta::on_hand(units)))
    }

    /// The settings of a level afterwards.
    pub fn settings(&self, level: &Level) -> Settings {
        Settings {
            safety_stock: self.safety_stock.unwrap_or(level.settings.safety_stock),
            backorder_limit: self.backorder_limit.unwrap_or(level.settings.backorder_limit),
            ..level.settings
        }
    }

    /// Why it is made.
    pub fn cause(&self) -> Cause {
        Cause {
            order_id: self.order_id.clone(),
            movement_key: self.key.clone(),
            note: self.note.clone(),
            ..Cause::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::level;

    #[test]
    fn each_change_is_a_movement_of_its_kind() {
        let own = level("A", 10);
        let movement = |change| {
            let update = StockUpdate {
                sku: own.sku.clone(),
                warehouse_id: own.warehouse_id,
                change,
                expected: None,
                key: None,
                note: String::new(),
                incoming: None,
                order_id: None,
                safety_stock: None,
                backorder_limit: None,
            };
            update.movement(&own).map(|(kind, delta)| (kind, delta.on_hand))
        };
        assert_eq!(movement(Change::Set(7)), Some((Kind::Adjust, -3)));
        assert_eq!(movement(Change::Set(10)), None);
        assert_eq!(movement(Change::Adjust(-2)), Some((Kind::Adjust, -2)));
        assert_eq!(movement(Change::Receive(5)), Some((Kind::Receive, 5)));
        assert_eq!(movement(Change::Count(12)), Some((Kind::Count, 2)));
        assert_eq!(movement(Change::Count(10)), Some((Kind::Count, 0)));
        assert_eq!(movement(Change::Return(1)), Some((Kind::Return, 1)));
    }
}
