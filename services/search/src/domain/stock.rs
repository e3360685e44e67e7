//! What stock says of a variant: of each level, and of all levels together.

use kernel::price::PriceRow;
use uuid::Uuid;
use warehouse_api::v1::{Stock, StockStatus, Warehouse, WarehouseStatus};

/// Whether what is in a warehouse is for sale.
pub fn ships(warehouse: &Warehouse) -> bool {
    warehouse.status() == WarehouseStatus::Active
}

/// What there is of a variant in a warehouse, whether or not that ships.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// The warehouse.
    pub warehouse_id: Uuid,
    /// Units that can be shipped now.
    pub available: i64,
    /// Units that can be bought, there or not.
    pub sellable: i64,
    /// What the shop says of it.
    pub status: StockStatus,
}

/// What a hit shows of its variant's stock, and what it costs where.
#[derive(Debug, Clone, Default)]
pub struct Stocked {
    /// Levels of the variant, by warehouse.
    pub levels: Vec<Level>,
    /// Prices of the variant and of its product.
    pub prices: Vec<PriceRow<String>>,
}

impl Level {
    /// Of the owner's message; none if it names no warehouse.
    pub fn of(stock: &Stock) -> Option<Self> {
        Some(Self {
            warehouse_id: Uuid::parse_str(&stock.warehouse_id).ok()?,
            available: stock.available,
            sellable: stock.available.saturating_add(stock.backorderable),
            status: stock.status(),
        })
    }

    /// Whether anything of it can be bought.
    pub fn is_in_stock(&self) -> bool {
        self.sellable > 0
    }
}

/// The best status of several levels: that of none is that nothing is there.
pub fn best<'l>(levels: impl Iterator<Item = &'l Level>) -> StockStatus {
    levels.map(|level| level.status).min_by_key(rank).unwrap_or(StockStatus::OutOfStock)
}

/// As warehouse orders them, from the best on. What a later release may say comes last.
fn rank(status: &StockStatus) -> u8 {
    match status {
        StockStatus::InStock => 0,
        StockStatus::LowStock => 1,
        StockStatus::Preorder => 2,
        StockStatus::Backorder => 3,
        StockStatus::OutOfStock => 4,
        StockStatus::Unspecified => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(status: StockStatus) -> Level {
        Level { warehouse_id: Uuid::nil(), available: 0, sellable: 0, status }
    }

    #[test]
    fn the_best_status_of_several_levels_counts() {
        let of = |statuses: &[StockStatus]| {
            let levels: Vec<Level> = statuses.iter().map(|status| level(*status)).collect();
            best(levels.iter())
        };
        assert_eq!(of(&[]), StockStatus::OutOfStock);
        assert_eq!(of(&[StockStatus::OutOfStock, StockStatus::LowStock]), StockStatus::LowStock);
        assert_eq!(of(&[StockStatus::Backorder, StockStatus::Preorder]), StockStatus::Preorder);
        assert_eq!(of(&[StockStatus::Unspecified]), StockStatus::Unspecified);
    }

    #[test]
    fn units_that_are_not_there_yet_can_be_bought() {
        let stock = Stock {
            warehouse_id: Uuid::from_u128(7).to_string(),
            backorderable: 2,
            status: StockStatus::Backorder.into(),
            ..Stock::default()
        };
        let level = Level::of(&stock).unwrap();
        assert_eq!((level.available, level.sellable), (0, 2));
        assert!(level.is_in_stock());
        assert!(Level::of(&Stock::default()).is_none());
    }
}
