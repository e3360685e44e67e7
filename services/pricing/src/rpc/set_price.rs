//! Sets one price.

use crate::setting::{Wanted, set_all};
use crate::{App, catalog, wire};
use contracts::pricing::v1::{SetPriceRequest, SetPriceResponse};
use fault::{Common, Fault};

const METHOD: &str = "pricing.set_price";

/// Where the draft stands in the request.
const PATH: &str = "price";

/// Creates or changes the price that has the draft's item, scope, currency and window.
pub async fn set_price(app: &App, request: SetPriceRequest) -> Result<SetPriceResponse, Fault> {
    let message = request.price.as_ref();
    let message = message.ok_or_else(|| Fault::field(Common::InvalidField, PATH, "is required"))?;
    let draft = wire::draft(message).map_err(|fault| fault.below(PATH))?;
    if let Some(answer) = app.db.replayed(METHOD, &request).await? {
        return Ok(answer);
    }
    let target = catalog::require_one(app, &draft, PATH).await?;
    let (expected, path) = (request.expected_version, PATH.to_owned());
    let wanted = &[Wanted { draft, target, expected, path }];
    app.db
        .write_once(METHOD, &request, async move |tx| {
            let set = set_all(tx, wanted).await?;
            Ok(SetPriceResponse { price: set.first().map(|(_, price)| price.into()) })
        })
        .await
}
