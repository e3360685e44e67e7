//! Says what many items cost.

use crate::domain::item::{Item, Target};
use crate::domain::price::Price;
use crate::domain::selection::select;
use crate::store::prices;
use crate::{App, catalog, wire};
use contracts::pricing::v1::{BatchGetPricesRequest, BatchGetPricesResponse, ItemPrice};
use fault::{Common, Fault};
use std::collections::{BTreeSet, HashMap};

/// Selects the prices of items in one context, in the order asked for; an item without a price, or
/// an unknown one, gets an empty answer.
pub async fn batch_get_prices(
    app: &App,
    request: BatchGetPricesRequest,
) -> Result<BatchGetPricesResponse, Fault> {
    let asked = wire::context(request.context.as_ref())?;
    let items = items(&request)?;
    let wanted: Vec<Item> =
        items.iter().flatten().collect::<BTreeSet<_>>().into_iter().cloned().collect();
    let known = catalog::known(app, &wanted).await?;

    let of_all: BTreeSet<Item> = known.values().flat_map(Target::items).collect();
    let (of_all, asked) = (&Vec::from_iter(of_all), &asked);
    let (context, prices) = app
        .db
        .read("pricing.batch_get_prices", async |tx| {
            let context = asked.at(tx).await?;
            let prices = prices::candidates(tx, of_all, &context).await?;
            Ok((context, prices))
        })
        .await?;

    let mut by_item: HashMap<&Item, Vec<&Price>> = HashMap::new();
    for price in &prices {
        by_item.entry(&price.key.item).or_default().push(price);
    }
    let of = |item: &Item| {
        let target = known.get(item)?;
        let names = target.items();
        let rows = names.iter().filter_map(|name| by_item.get(name)).flatten().copied();
        select(&rows.collect::<Vec<_>>(), &context)
    };
    let answers = request.items.into_iter().zip(&items).map(|(message, item)| {
        let price = item.as_ref().and_then(of);
        ItemPrice {
            item: Some(message),
            price: price.map(Into::into),
            amount: price.map(|price| wire::amount(price.amount(), price.key.currency)),
        }
    });
    Ok(BatchGetPricesResponse { prices: answers.collect() })
}

/// The items asked for; none for a SKU that no variant can have.
fn items(request: &BatchGetPricesRequest) -> Result<Vec<Option<Item>>, Fault> {
    let items =
        request.items.iter().enumerate().map(|(place, message)| match wire::item(Some(message)) {
            Ok(item) => Ok(Some(item)),
            Err(fault) if fault.is(Common::InvalidField) => {
                Err(fault.below(&format!("items[{place}]")))
            }
            Err(_) => Ok(None),
        });
    items.collect()
}
