//! What SKUs cost now, asked for all of a page at once.

use crate::App;
use crate::domain::view::Costs;
use crate::refusals::passed_on;
use fault::Fault;
use pricing_api::v1::item::Name;
use pricing_api::v1::{BatchGetPricesRequest, Item, PriceContext};
use std::collections::HashMap;

/// For whom prices are.
pub(crate) struct Audience {
    pub(crate) currency_code: String,
    pub(crate) channel: String,
    pub(crate) country: String,
}

/// What these SKUs cost, those that have a price. Without a currency there are none.
pub(crate) async fn of_skus(
    app: &App,
    audience: Audience,
    skus: Vec<String>,
) -> Result<HashMap<String, Costs>, Fault> {
    let mut currency_code = audience.currency_code;
    if currency_code.is_empty() {
        currency_code.clone_from(&app.currency);
    }
    let mut costs = HashMap::new();
    if currency_code.is_empty() || skus.is_empty() {
        return Ok(costs);
    }
    let (channel, country) = (audience.channel, audience.country);
    let context = PriceContext { currency_code, channel, country, ..PriceContext::default() };
    let mut items: Vec<Item> =
        skus.into_iter().map(|sku| Item { name: Some(Name::Sku(sku)) }).collect();
    let mut pricing = app.pricing.clone();
    while !items.is_empty() {
        let request = BatchGetPricesRequest { items, context: Some(context.clone()) };
        let answer = pricing.batch_get_prices(request).await.map_err(passed_on)?.into_inner();
        for found in &answer.prices {
            if let Some(Item { name: Some(Name::Sku(sku)) }) = &found.item {
                costs.insert(sku.clone(), Costs::of(found));
            }
        }
        items = answer.remaining_items;
    }
    Ok(costs)
}
