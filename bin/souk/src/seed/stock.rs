//! Warehouses, and what each has of a product's variants.

use super::prices::WAREHOUSES;
use super::products::plan;
use super::random::Random;
use warehouse_api::v1::stock_update::Change;
use warehouse_api::v1::{Address, Coordinates, ServedArea, StockUpdate, WarehouseDraft};

/// The warehouses: two serve all countries, one its own and its neighbours.
pub fn warehouses() -> [WarehouseDraft; 3] {
    let [east, west, north] = WAREHOUSES;
    let draft =
        |code: &str, name: &str, city: &str, country: &str, (latitude, longitude)| WarehouseDraft {
            code: code.to_owned(),
            name: name.to_owned(),
            address: Some(Address {
                city: city.to_owned(),
                country: country.to_owned(),
                ..Address::default()
            }),
            coordinates: Some(Coordinates { latitude, longitude }),
            ..WarehouseDraft::default()
        };
    let area = |country: &str| ServedArea { country: country.to_owned(), ..ServedArea::default() };
    [
        draft(east, "East", "Beograd", "RS", (44.81, 20.46)),
        WarehouseDraft { priority: 1, ..draft(west, "West", "Lyon", "FR", (45.76, 4.84)) },
        WarehouseDraft {
            areas: ["SE", "NO", "DK", "FI"].map(area).to_vec(),
            ..draft(north, "North", "Malmö", "SE", (55.6, 13.0))
        },
    ]
}

/// Stock of all variants of the product of this number.
pub fn of(seed: u64, number: u32) -> Vec<StockUpdate> {
    let Some(plan) = plan(seed, number) else { return Vec::new() };
    let random = &mut Random::of(seed, number, 3);
    let mut rows = Vec::new();
    for variant in &plan.variants {
        for code in WAREHOUSES {
            let units = match random.between(0, 99) {
                0..10 => 0,
                10..20 => random.between(1, 9),
                _ => random.between(10, 400),
            };
            // Not every warehouse has everything.
            if code == WAREHOUSES[0] || random.percent(60) {
                rows.push(StockUpdate {
                    sku: variant.sku.clone(),
                    warehouse_code: code.to_owned(),
                    change: Some(Change::Set(units)),
                    ..StockUpdate::default()
                });
            }
        }
    }
    rows
}
