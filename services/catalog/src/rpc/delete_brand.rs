//! Deletes a brand without products.

use crate::store::brands;
use crate::{App, wire};
use contracts::catalog::v1::{DeleteBrandRequest, DeleteBrandResponse};
use fault::Fault;

/// Deletes a brand that no product has. Its lock waits for products that are just coming to name it, so they are counted.
pub async fn delete_brand(
    app: &App,
    request: DeleteBrandRequest,
) -> Result<DeleteBrandResponse, Fault> {
    let id = wire::id("brand_id", &request.brand_id)?;
    let expected = request.expected_version;
    app.db
        .write_once("catalog.delete_brand", &request, async move |tx| {
            let mut brand = brands::lock_to_delete(tx, id).await?;
            let products = brands::products(tx, id).await?;
            let deleted = brand.delete(products, expected, tx.now().await?)?;
            brands::save(tx, &brand, Some(&deleted)).await?;
            Ok(DeleteBrandResponse { version: brand.version })
        })
        .await
}
