//! What a product page says of stock.

use super::product::Product;
use super::variant::Variant;
use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::sql_types::{BigInt, Bool, Text, Uuid as SqlUuid};
use kernel::head::{Change, Head};
use kernel::id::Id;
use kernel::stock::is_low;

/// Kind of a warehouse's id.
pub enum Warehouse {}

/// Stock of a variant in a warehouse that ships.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
#[diesel(check_for_backend(Pg))]
pub struct Stocked {
    /// The variant.
    #[diesel(sql_type = SqlUuid)]
    pub variant_id: Id<Variant>,
    /// The warehouse.
    #[diesel(sql_type = SqlUuid)]
    pub warehouse_id: Id<Warehouse>,
    /// Units that can be bought and shipped now.
    #[diesel(sql_type = BigInt)]
    pub available: i64,
    /// Units that can be bought although they are not there yet.
    #[diesel(sql_type = BigInt)]
    pub backorderable: i64,
    /// Whether the warehouse ships.
    #[diesel(sql_type = Bool)]
    pub ships: bool,
    /// Status of the level.
    #[diesel(sql_type = Text)]
    pub status: String,
}

/// Status of a product's or a variant's stock, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// More is available than the threshold.
    InStock,
    /// The threshold or less is available.
    LowStock,
    /// Nothing is available, and units may be bought beyond.
    Backorder,
    /// Nothing is available.
    OutOfStock,
}

/// Stock status of a product as of the last time that it changed.
#[derive(Debug, Clone, PartialEq)]
pub struct ProductStock {
    /// Its head; the id is the product's.
    pub head: Head<ProductStock>,
    /// Status.
    pub status: Status,
    /// Status before.
    pub previous: Option<Status>,
    /// Units available when it changed.
    pub total: i64,
    /// Units at or below which it was low.
    pub threshold: i64,
}

/// Units of a product's variants in all warehouses that ship.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Units {
    /// Units that can be bought and shipped now.
    pub available: i64,
    /// Units that can be bought although they are not there yet.
    pub backorderable: i64,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::InStock, Self::LowStock, Self::Backorder, Self::OutOfStock];

    /// The status that follows `before`. Stock that was low stays so until a tenth more than the threshold is available, at least one
    /// unit more (IN-04).
    pub fn after(before: Option<Self>, units: Units, threshold: i64) -> Self {
        if units.available <= 0 {
            return if units.backorderable > 0 { Self::Backorder } else { Self::OutOfStock };
        }
        let was_in_stock = before.is_none_or(|before| before == Self::InStock);
        let is_low = is_low(units.available, threshold, was_in_stock);
        if is_low { Self::LowStock } else { Self::InStock }
    }

    /// As the database keeps it.
    pub fn name(self) -> &'static str {
        match self {
            Self::InStock => "in_stock",
            Self::LowStock => "low_stock",
            Self::Backorder => "backorder",
            Self::OutOfStock => "out_of_stock",
        }
    }

    /// The reverse of [`Status::name`].
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.name() == name)
    }
}

impl ProductStock {
    /// The first status of a product.
    pub fn first(
        id: Id<Product>,
        units: Units,
        threshold: i64,
        at: DateTime<Utc>,
    ) -> (Self, Change) {
        let status = Status::after(None, units, threshold);
        let head = Head::new(Id::from_uuid(id.uuid()), at);
        let own = Self { head, status, previous: None, total: units.available, threshold };
        (own, Change::Created)
    }

    /// Takes over what there is now; says so only where the status is another one.
    pub fn update(&mut self, units: Units, threshold: i64, at: DateTime<Utc>) -> Option<Change> {
        let status = Status::after(Some(self.status), units, threshold);
        if status == self.status {
            return None;
        }
        self.previous = Some(self.status);
        (self.status, self.total, self.threshold) = (status, units.available, threshold);
        self.head.version += 1;
        self.head.updated_at = at;
        Some(Change::Updated(vec!["status"]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(available: i64) -> Units {
        Units { available, backorderable: 0 }
    }

    #[test]
    fn a_status_changes_at_the_threshold_and_back_a_tenth_above() {
        let at = Utc::now();
        let (mut own, _) = ProductStock::first(Id::new(), units(30), 20, at);
        assert_eq!(own.status, Status::InStock);
        assert_eq!(own.update(units(21), 20, at), None);
        assert!(own.update(units(20), 20, at).is_some());
        assert_eq!((own.status, own.previous), (Status::LowStock, Some(Status::InStock)));
        assert_eq!((own.total, own.head.version), (20, 2));
        assert_eq!(own.update(units(21), 20, at), None);
        assert!(own.update(units(22), 20, at).is_some());
        let more = Units { available: 0, backorderable: 3 };
        assert!(own.update(more, 20, at).is_some());
        assert_eq!(own.status, Status::Backorder);
        assert!(own.update(units(0), 20, at).is_some());
        assert_eq!(own.status, Status::OutOfStock);
    }
}
