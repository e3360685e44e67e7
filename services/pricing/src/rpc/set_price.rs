//! Sets one price.

use crate::upsert_prices::{Wanted, upsert_prices};
use crate::{App, catalog, wire};
use convert::read;
use fault::Fault;
use pricing_api::v1::{SetPriceRequest, SetPriceResponse};
use std::collections::BTreeSet;

/// Where the draft stands in the request.
const PATH: &str = "price";

/// Creates or changes the price that has the draft's item, scope, currency and window.
pub async fn set_price(app: &App, request: SetPriceRequest) -> Result<SetPriceResponse, Fault> {
    let draft = read(|fields| fields.message(PATH, request.price.as_ref(), wire::draft))?;
    if let Some(answer) = app.db.replayed(&request).await? {
        return Ok(answer);
    }
    let item = &draft.key.item;
    let items = catalog::resolve(app, BTreeSet::from([item])).await?;
    let target = items.require(item).map_err(|fault| fault.below(PATH))?.clone();
    let expected = request.expected_version;
    let wanted = &[Wanted { draft, target, expected, path: PATH.to_owned() }];
    app.db
        .write_once(&request, async move |tx| {
            let set = upsert_prices(tx, wanted).await?;
            Ok(SetPriceResponse { price: set.first().map(|(_, price)| price.into()) })
        })
        .await
}
