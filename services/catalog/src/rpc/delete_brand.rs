//! Deletes a brand without products.

use crate::App;
use crate::domain::brand::Brand;
use crate::store::brands;
use catalog_api::v1::{DeleteBrandRequest, DeleteBrandResponse};
use convert::read;
use fault::Fault;
use pg::entity;

/// Deletes a brand that no product has. Its lock waits for products that are just coming to name it, so they are counted.
pub async fn delete_brand(
    app: &App,
    request: DeleteBrandRequest,
) -> Result<DeleteBrandResponse, Fault> {
    let id = read(|fields| fields.id("brand_id", &request.brand_id))?;
    let expected = request.expected_version;
    app.db
        .write_once(&request, async move |tx| {
            let mut brand: Brand = entity::lock_to_delete(tx, id).await?;
            let products = brands::products(tx, id).await?;
            let deleted = brand.delete(products, expected, tx.now().await?)?;
            entity::save(tx, &brand, Some(&deleted)).await?;
            Ok(DeleteBrandResponse { version: brand.head.version })
        })
        .await
}
