//! Prices of a product's variants, in whole minor units.

use super::products::{Plan, plan};
use super::random::Random;
use contracts::types::v1::Money;
use pricing_api::v1::item::Name;
use pricing_api::v1::{Item, PriceDraft, PriceScope};

/// Codes of the warehouses, which have prices of their own.
pub(super) const WAREHOUSES: [&str; 3] = ["east", "west", "north"];

/// Pricing that all variants of a product share.
struct Terms {
    /// Price in cents of a dollar before any step.
    cents: i64,
    /// Discount in percent; none if there is no sale.
    sale: Option<i64>,
    /// Warehouse with a price of its own, and that price in percent.
    warehouse: Option<(&'static str, i64)>,
}

/// All prices of the product of this number.
pub fn of(seed: u64, number: u32) -> Vec<PriceDraft> {
    let Some(plan) = plan(seed, number) else { return Vec::new() };
    let terms = terms(&mut Random::of(seed, number, 2), &plan);
    let mut prices = Vec::new();
    for variant in &plan.variants {
        let step = variant.step.map_or(0, |(index, _)| index);
        // Each step costs an eighth more.
        let cents = terms.cents + terms.cents / 8 * step;
        for (currency, amount) in [("USD", cents), ("EUR", cents / 100 * 92)] {
            prices.push(price(&variant.sku, currency, amount, terms.sale, None));
        }
        if let Some((warehouse, percent)) = terms.warehouse {
            prices.push(price(&variant.sku, "USD", cents / 100 * percent, None, Some(warehouse)));
        }
    }
    prices
}

fn terms(random: &mut Random, plan: &Plan) -> Terms {
    let (least, most) = plan.kind.dollars;
    // The lower of two random values: shops have more cheap products than expensive ones.
    let dollars = random.between(least, most).min(random.between(least, most));
    Terms {
        cents: dollars * 100,
        sale: random.percent(20).then(|| random.between(2, 8) * 5),
        warehouse: random.percent(10).then(|| (random.word(&WAREHOUSES), random.between(90, 110))),
    }
}

fn price(
    sku: &str,
    currency: &str,
    amount: i64,
    sale: Option<i64>,
    warehouse: Option<&str>,
) -> PriceDraft {
    let money =
        |amount| Money { currency_code: currency.to_owned(), minor_units: Some(charm(amount)) };
    let scope =
        warehouse.map(|id| PriceScope { warehouse_id: id.to_owned(), ..PriceScope::default() });
    PriceDraft {
        item: Some(Item { name: Some(Name::Sku(sku.to_owned())) }),
        scope,
        base: Some(money(amount)),
        sale: sale.map(|off| money(amount / 100 * (100 - off))),
        ..PriceDraft::default()
    }
}

/// One cent below a whole amount: 49.99 instead of 50.00.
fn charm(amount: i64) -> i64 {
    (amount / 100).max(1) * 100 - 1
}
