//! Returns the price of an item with an explanation.

use crate::domain::item::Item;
use crate::domain::price::Price;
use crate::domain::selection::{Context, explain};
use crate::price_query::PriceQuery;
use crate::store::prices;
use crate::{App, catalog, wire};
use contracts::Rpc;
use convert::{money, read};
use fault::Fault;
use pricing_api::v1::{GetPriceRequest, GetPriceResponse, Reason};

/// Selects the price of an item. One without a price is refused: a missing price is never 0.
pub async fn get_price(app: &App, request: GetPriceRequest) -> Result<GetPriceResponse, Fault> {
    let (item, query) = read(|fields| {
        let item = wire::item(fields, "item", request.item.as_ref());
        let query = wire::query(fields, request.context.as_ref());
        Some((item?, query?))
    })?;
    let mut found = find(app, &item, &query).await?;
    if found.is_none() {
        // The catalogue may know it, and then it is known here.
        let known = catalog::known(app, std::slice::from_ref(&item)).await?;
        known.require(&item)?;
        found = find(app, &item, &query).await?;
    }
    found.and_then(|(context, prices)| answer(&prices, &context)).ok_or_else(|| {
        let currency = query.context.currency;
        let message = format!("{item} has no price in {currency} that applies here");
        Fault::new(Reason::MatchingPriceNotFound, message)
            .with("item", &item)
            .with("currency_code", currency)
    })
}

/// The prices of an item and the instant to select for; none if no price of it is known here.
async fn find(
    app: &App,
    item: &Item,
    query: &PriceQuery,
) -> Result<Option<(Context, Vec<Price>)>, Fault> {
    let found = app
        .db
        .look_up(GetPriceRequest::METHOD, async |tx| prices::of_item_now(tx, item).await)
        .await?;
    Ok(found.map(|(prices, now)| (query.context(now), prices)))
}

/// The price that applies, with the full trace; none where none applies.
fn answer(prices: &[Price], context: &Context) -> Option<GetPriceResponse> {
    let judged = explain(prices, context);
    let price = judged.first().filter(|best| best.applies())?.price;
    Some(GetPriceResponse {
        price: Some(price.into()),
        amount: Some(money(price.amount())),
        trace: judged.into_iter().map(Into::into).collect(),
        minor_digits: context.currency.minor_digits().into(),
    })
}
