//! What there is of a SKU in a warehouse.

use super::item::{Item, Product, Variant};
use super::status::{Measure, Status};
use super::warehouse::Warehouse;
use chrono::{DateTime, Utc};
use fault::Fault;
use kernel::head::Head;
use kernel::id::Id;
use kernel::sku::Sku;
use warehouse_api::v1::Reason;

/// Most units of a level: far below what would overflow in a sum of thousands of levels.
pub const MAX_QUANTITY: i64 = 1_000_000_000_000;

/// A level. `allocated`, `reserved` and `on_hand` change by movements only ([`super::ledger`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// Its id, version and instants.
    pub head: Head<Level>,
    /// SKU.
    pub sku: Sku,
    /// The product of the SKU.
    pub product_id: Id<Product>,
    /// The variant behind the SKU.
    pub variant_id: Id<Variant>,
    /// The warehouse.
    pub warehouse_id: Id<Warehouse>,
    /// Units in the warehouse, whoever they are promised to.
    pub on_hand: i64,
    /// Units that orders were promised and that have not been shipped.
    pub allocated: i64,
    /// Units that carts hold.
    pub reserved: i64,
    /// What can be set.
    pub settings: Settings,
    /// Available units at or below which stock is low.
    pub threshold: i64,
    /// Status as of the last change.
    pub status: Status,
}

/// What can be set of a level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// Units that are never sold.
    pub safety_stock: i64,
    /// Units that may be promised beyond what there is.
    pub backorder_limit: i64,
    /// When units that are sold before they are there will be shipped.
    pub preorder_ships_at: Option<DateTime<Utc>>,
}

impl Level {
    /// An empty level that is not stored yet; its version is 0.
    pub fn empty(
        item: &Item,
        warehouse_id: Id<Warehouse>,
        threshold: i64,
        at: DateTime<Utc>,
    ) -> Self {
        Self {
            head: Head { version: 0, ..Head::new(Id::new(), at) },
            sku: item.sku.clone(),
            product_id: item.product_id,
            variant_id: item.variant_id,
            warehouse_id,
            on_hand: 0,
            allocated: 0,
            reserved: 0,
            settings: Settings::default(),
            threshold,
            status: Status::OutOfStock,
        }
    }

    /// Units that can be bought and shipped now (IN-01).
    pub fn available(&self) -> i64 {
        self.free().max(0)
    }

    /// Units that can be bought, there or not.
    pub fn sellable(&self) -> i64 {
        (self.free() + self.settings.backorder_limit).max(0)
    }

    /// Units that can be bought although they are not there.
    pub fn backorderable(&self) -> i64 {
        self.sellable() - self.available()
    }

    /// Units that nobody was promised; below 0 where more was promised than there is to sell.
    pub fn free(&self) -> i64 {
        self.on_hand - self.allocated - self.reserved - self.settings.safety_stock
    }

    /// The status that its quantities make of the last one.
    pub fn next_status(&self) -> Status {
        let before = (self.head.version > 0).then_some(self.status);
        let measure = Measure {
            available: self.available(),
            backorderable: self.backorderable(),
            is_preorder: self.settings.preorder_ships_at.is_some(),
            threshold: self.threshold,
        };
        Status::after(before, measure)
    }

    /// Refuses another version than the caller expects; a level that is not stored yet has version 0.
    pub fn expect(&self, expected: Option<i64>) -> Result<(), Fault> {
        Ok(self.head.expect(expected)?)
    }

    /// The refusal for a level that does not exist.
    pub fn not_found(sku: &Sku) -> Fault {
        let message = format!("{sku} has no stock in this warehouse and never had");
        Fault::new(Reason::StockNotFound, message).with("sku", sku)
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::samples::level;

    #[test]
    fn available_is_what_nobody_was_promised() {
        let mut own = level("A", 10);
        (own.allocated, own.reserved, own.settings.safety_stock) = (3, 2, 1);
        assert_eq!((own.available(), own.sellable(), own.backorderable()), (4, 4, 0));
        own.settings.backorder_limit = 5;
        assert_eq!((own.available(), own.sellable(), own.backorderable()), (4, 9, 5));
        own.allocated = 12;
        assert_eq!((own.available(), own.sellable(), own.backorderable()), (0, 0, 0));
        own.allocated = 9;
        assert_eq!((own.available(), own.sellable(), own.backorderable()), (0, 3, 3));
    }
}
