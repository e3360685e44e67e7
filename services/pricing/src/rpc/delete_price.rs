//! Deletes a price.

use crate::App;
use crate::domain::price::PriceRefusal;
use crate::store::prices;
use contracts::pricing::v1::{DeletePriceRequest, DeletePriceResponse};
use fault::{Common, Fault};
use kernel::id::Id;

const METHOD: &str = "pricing.delete_price";

/// Deletes a price; its row stays and keeps counting versions.
pub async fn delete_price(
    app: &App,
    request: DeletePriceRequest,
) -> Result<DeletePriceResponse, Fault> {
    let id = Id::parse(&request.price_id)
        .map_err(|error| Fault::field(Common::InvalidField, "price_id", error.to_string()))?;
    let expected = request.expected_version;
    app.db
        .write_once(METHOD, &request, async move |tx| {
            let price = prices::lock(tx, id).await?;
            let mut price = price.ok_or(PriceRefusal::NotFound)?;
            let event = price.delete(expected, tx.now().await?)?;
            let version = price.version;
            prices::save(tx, price, event).await?;
            Ok(DeletePriceResponse { version })
        })
        .await
}
