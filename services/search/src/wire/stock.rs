//! What a hit shows of stock.

use crate::domain::shared::Shared;
use crate::domain::stock::{Level, Stocked, best};
use crate::engine::query::PriceScope;
use chrono::{DateTime, Utc};
use contracts::types::v1::Money;
use kernel::price::{PriceContext, PriceRow, select};
use search_api::v1::{ProductHit, StockStatus, WarehouseStock};
use warehouse_api::v1::StockStatus as OwnStatus;

/// For whom stock is shown.
pub struct StockView<'v> {
    /// Which warehouses ship.
    pub shared: &'v Shared,
    /// The one that counts; none: all that ship.
    pub warehouse: Option<&'v str>,
    /// Which prices apply,
    pub pricing: &'v PriceScope,
    /// and when.
    pub at: DateTime<Utc>,
}

impl StockView<'_> {
    /// The hit with the stock of its variant.
    pub fn show(&self, stocked: &Stocked, hit: ProductHit) -> ProductHit {
        let levels = || {
            let ships = |level: &&Level| self.shared.warehouses.contains(&level.warehouse_id);
            stocked.levels.iter().filter(ships)
        };
        let counts = |level: &&Level| {
            self.warehouse.is_none_or(|name| level.warehouse_id.to_string() == name)
        };
        let counted = || levels().filter(counts);
        let available = counted().fold(0_i64, |sum, level| sum.saturating_add(level.available));
        ProductHit {
            available: Some(available),
            stock_status: status(best(counted())).into(),
            warehouse_stock: levels().map(|level| self.level(level, &stocked.prices)).collect(),
            ..hit
        }
    }

    fn level(&self, level: &Level, prices: &[PriceRow<String>]) -> WarehouseStock {
        let warehouse_id = level.warehouse_id.to_string();
        let price = self.pricing.currency.and_then(|currency| {
            let context = PriceContext {
                warehouse: Some(&warehouse_id),
                channel: self.pricing.channel.as_ref(),
                country: self.pricing.country.as_ref(),
                ..PriceContext::new(currency, self.at)
            };
            select(prices, &context)
        });
        let currency_code = price.map(|row| row.currency.code().to_owned()).unwrap_or_default();
        let money = |minor_units: i64| Money {
            currency_code: currency_code.clone(),
            minor_units: Some(minor_units),
        };
        WarehouseStock {
            in_stock: level.is_in_stock(),
            quantity: level.available,
            base_price: price.map(|row| money(row.base)),
            sale_price: price.and_then(|row| row.sale).map(money),
            warehouse_id,
            currency_code,
        }
    }
}

fn status(own: OwnStatus) -> StockStatus {
    match own {
        OwnStatus::Unspecified => StockStatus::Unspecified,
        OwnStatus::InStock => StockStatus::InStock,
        OwnStatus::LowStock => StockStatus::LowStock,
        OwnStatus::OutOfStock => StockStatus::OutOfStock,
        OwnStatus::Backorder => StockStatus::Backorder,
        OwnStatus::Preorder => StockStatus::Preorder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::currency::Currency;
    use kernel::price::{Level as PriceLevel, Scope};
    use kernel::window::Window;
    use uuid::Uuid;

    fn level(number: u128, available: i64, sellable: i64, status: OwnStatus) -> Level {
        Level { warehouse_id: Uuid::from_u128(number), available, sellable, status }
    }

    fn price(base: i64, sale: Option<i64>, warehouse: Option<u128>) -> PriceRow<String> {
        let warehouse = warehouse.map(|number| Uuid::from_u128(number).to_string());
        PriceRow {
            id: Uuid::from_u128(base as u128),
            level: PriceLevel::Sku,
            currency: Currency::parse("USD").unwrap(),
            scope: Scope { warehouse, ..Scope::UNSCOPED },
            window: Window::ALWAYS,
            base,
            sale,
        }
    }

    fn shown(stocked: &Stocked, warehouse: Option<u128>, currency: Option<&str>) -> ProductHit {
        // Of the warehouses 1 to 3 the second does not ship.
        let mut shared = Shared::default();
        shared.warehouses.extend([1, 3].map(Uuid::from_u128));
        let warehouse = warehouse.map(|number| Uuid::from_u128(number).to_string());
        let currency = currency.map(|code| Currency::parse(code).unwrap());
        let view = StockView {
            shared: &shared,
            warehouse: warehouse.as_deref(),
            pricing: &PriceScope { currency, ..PriceScope::default() },
            at: Utc::now(),
        };
        view.show(stocked, ProductHit::default())
    }

    #[test]
    fn the_warehouses_that_ship_count_or_the_one_that_is_named() {
        let levels = vec![
            level(1, 2, 2, OwnStatus::LowStock),
            level(2, 50, 50, OwnStatus::InStock),
            level(3, 0, 4, OwnStatus::Backorder),
        ];
        let stocked = Stocked { levels, prices: Vec::new() };
        let of = |warehouse| {
            let hit = shown(&stocked, warehouse, None);
            assert_eq!(hit.warehouse_stock.len(), 2);
            assert!(hit.warehouse_stock.iter().all(|own| own.in_stock && own.base_price.is_none()));
            (hit.available, hit.stock_status())
        };
        assert_eq!(of(None), (Some(2), StockStatus::LowStock));
        assert_eq!(of(Some(3)), (Some(0), StockStatus::Backorder));
        assert_eq!(of(Some(2)), (Some(0), StockStatus::OutOfStock));
        assert_eq!(of(Some(9)), (Some(0), StockStatus::OutOfStock));
    }

    #[test]
    fn a_warehouse_has_its_own_price_or_the_one_for_all() {
        let stocked = Stocked {
            levels: vec![level(1, 2, 2, OwnStatus::InStock), level(3, 0, 0, OwnStatus::OutOfStock)],
            prices: vec![price(500, None, None), price(400, Some(300), Some(1))],
        };
        let of = |currency| {
            let hit = shown(&stocked, None, currency);
            let minor = |money: &Option<Money>| money.as_ref().map(Money::minor_units);
            let own = hit.warehouse_stock.iter();
            own.map(|own| (own.in_stock, minor(&own.base_price), minor(&own.sale_price)))
                .collect::<Vec<_>>()
        };
        assert_eq!(of(Some("USD")), [(true, Some(400), Some(300)), (false, Some(500), None)]);
        assert_eq!(of(Some("EUR")), [(true, None, None), (false, None, None)]);
    }
}
