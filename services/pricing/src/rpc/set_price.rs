//! Sets one price.

use crate::upsert_prices::{Wanted, upsert_prices};
use crate::{App, catalog, wire};
use convert::read;
use fault::Fault;
use pricing_api::v1::{SetPriceRequest, SetPriceResponse};

/// Where the draft stands in the request.
const PATH: &str = "price";

/// Creates or changes the price that has the draft's item, scope, currency and window.
pub async fn set_price(app: &App, request: SetPriceRequest) -> Result<SetPriceResponse, Fault> {
    let draft = read(|fields| fields.message(PATH, request.price.as_ref(), wire::draft))?;
    if let Some(answer) = app.db.replayed(&request).await? {
        return Ok(answer);
    }
    let drafts = vec![draft];
    let targets = catalog::require(app, &drafts, |_| PATH.to_owned()).await?;
    let expected = request.expected_version;
    let wanted = drafts.into_iter().zip(targets);
    let wanted =
        wanted.map(|(draft, target)| Wanted { draft, target, expected, path: PATH.to_owned() });
    let wanted = &wanted.collect::<Vec<_>>();
    app.db
        .write_once(&request, async move |tx| {
            let set = upsert_prices(tx, wanted).await?;
            Ok(SetPriceResponse { price: set.first().map(|(_, price)| price.into()) })
        })
        .await
}
