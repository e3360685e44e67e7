//! What tests of the domain begin with.

use super::item::Item;
use super::level::Level;
use super::status::Status;
use super::warehouse::{Values, Warehouse};
use chrono::{DateTime, Utc};
use kernel::head::Head;
use kernel::id::Id;
use kernel::sku::Sku;

pub(crate) fn second(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(second, 0).unwrap()
}

pub(crate) fn sku(text: &str) -> Sku {
    Sku::parse(text).unwrap()
}

pub(crate) fn warehouse(code: &str) -> Warehouse {
    let values = Values { code: code.into(), name: code.into(), ships: true, ..Values::default() };
    Warehouse { head: Head::new(Id::new(), second(0)), values }
}

/// A stored level with a threshold of 10.
pub(crate) fn level(name: &str, on_hand: i64) -> Level {
    let item =
        Item { sku: sku(name), variant_id: Id::new(), product_id: Id::new(), is_deleted: false };
    let mut level = Level::empty(&item, Id::new(), 10, second(0));
    (level.head.version, level.on_hand, level.status) = (1, on_hand, Status::InStock);
    level
}
