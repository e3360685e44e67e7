//! Plain values that tests change.

use crate::domain::draft::{PriceDraft, PriceKey};
use crate::domain::item::{Item, Target};
use crate::domain::price::Price;
use chrono::{DateTime, Utc};
use kernel::currency::Currency;
use kernel::id::Id;
use kernel::money::Money;
use kernel::price::Scope;
use kernel::sku::Sku;
use kernel::window::Window;
use uuid::Uuid;

pub(crate) fn second(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(second, 0).unwrap()
}

pub(crate) fn window(from: Option<i64>, until: Option<i64>) -> Window {
    Window::try_new(from.map(second), until.map(second)).unwrap()
}

pub(crate) fn currency(code: &str) -> Currency {
    Currency::parse(code).unwrap()
}

pub(crate) fn money(minor: i64, code: &str) -> Money {
    Money::new(minor, currency(code))
}

pub(crate) fn item(sku: &str) -> Item {
    Item::Sku(Sku::parse(sku).unwrap())
}

/// An undated price for everybody in USD.
pub(crate) fn draft(sku: &str, base: i64) -> PriceDraft {
    let key = PriceKey {
        item: item(sku),
        scope: Scope::UNSCOPED,
        currency: currency("USD"),
        window: Window::ALWAYS,
    };
    PriceDraft { key, base, sale: None }
}

/// The same as a price, set at second 0.
pub(crate) fn price(sku: &str, base: i64) -> Price {
    let target = Target {
        item: item(sku),
        product_id: Id::from_uuid(Uuid::from_u128(1)),
        variant_id: Some(Id::from_uuid(Uuid::from_u128(2))),
    };
    Price::first(Id::from_uuid(Uuid::from_u128(3)), &draft(sku, base), &target, second(0)).0
}
