//! Returns the prices of many items.

use crate::domain::item::{Item, Target};
use crate::domain::price::Price;
use crate::domain::selection::select;
use crate::store::prices;
use crate::{App, catalog, wire};
use contracts::Rpc;
use convert::{Fields, money, read};
use fault::Fault;
use kernel::sku::Sku;
use mesh::paging::within_answer;
use pricing_api::v1::item::Name;
use pricing_api::v1::{self as proto, BatchGetPricesRequest, BatchGetPricesResponse, ItemPrice};
use std::collections::{BTreeSet, HashMap};

/// Selects the prices of items in one context, in the requested order, as many as one answer holds; an item without a price, or
/// an unknown one, gets an empty answer.
pub async fn batch_get_prices(
    app: &App,
    request: BatchGetPricesRequest,
) -> Result<BatchGetPricesResponse, Fault> {
    let (query, items): (_, Vec<Option<Item>>) = read(|fields| {
        let query = wire::query(fields, request.context.as_ref());
        let items = fields.each("items", &request.items, item);
        Some((query?, items?))
    })?;
    let wanted: Vec<Item> = items.iter().flatten().cloned().collect();
    let known = catalog::known(app, &wanted).await?;

    let of_all: BTreeSet<Item> = known.all_live().flat_map(Target::items).collect();
    let (of_all, query) = (&Vec::from_iter(of_all), &query);
    let (context, prices) = app
        .db
        .read(BatchGetPricesRequest::METHOD, async |tx| {
            let context = query.context(tx.now().await?);
            let prices = prices::candidates(tx, of_all, &context).await?;
            Ok((context, prices))
        })
        .await?;

    let mut by_item: HashMap<&Item, Vec<&Price>> = HashMap::new();
    for price in &prices {
        by_item.entry(&price.key.item).or_default().push(price);
    }
    let of = |item: &Item| {
        let target = known.live(item)?;
        let names = target.items();
        let rows = names.iter().filter_map(|name| by_item.get(name)).flatten().copied();
        select(&rows.collect::<Vec<_>>(), &context)
    };
    let answers = request.items.iter().zip(&items).map(|(message, item)| {
        let price = item.as_ref().and_then(of);
        ItemPrice {
            item: Some(message.clone()),
            price: price.map(Into::into),
            amount: price.map(|price| money(price.amount())),
        }
    });
    let prices = within_answer(answers, 0);
    let remaining_items = request.items.iter().skip(prices.len()).cloned().collect();
    let minor_digits = context.currency.minor_digits().into();
    Ok(BatchGetPricesResponse { prices, minor_digits, remaining_items })
}

/// An item; none for a SKU that no variant can have.
fn item(fields: &mut Fields, message: &proto::Item) -> Option<Option<Item>> {
    match &message.name {
        Some(Name::Sku(sku)) if Sku::parse(sku).is_err() => Some(None),
        _ => wire::item(fields, "", Some(message)).map(Some),
    }
}
