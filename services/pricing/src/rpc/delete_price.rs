//! Deletes a price.

use crate::App;
use crate::domain::price::Price;
use convert::read;
use fault::Fault;
use pg::entity;
use pricing_api::v1::{DeletePriceRequest, DeletePriceResponse};

/// Deletes a price; its row stays and keeps counting versions.
pub async fn delete_price(
    app: &App,
    request: DeletePriceRequest,
) -> Result<DeletePriceResponse, Fault> {
    let id = read(|fields| fields.id("price_id", &request.price_id))?;
    let expected = request.expected_version;
    app.db
        .write_once(&request, async move |tx| {
            let mut price: Price = entity::lock(tx, id).await?;
            let deleted = price.delete(expected, tx.now().await?)?;
            entity::save(tx, &price, Some(&deleted)).await?;
            Ok(DeletePriceResponse { version: price.head.version })
        })
        .await
}
