//! Deletes a product with its variants.

use crate::App;
use crate::domain::product::{MAX_DELETED_VARIANTS, Product};
use crate::store::variants;
use catalog_api::v1::{DeleteProductRequest, DeleteProductResponse};
use convert::read;
use fault::Fault;
use pg::entity;

/// Deletes a product and its variants, which are at most 1,000, in one transaction.
pub async fn delete_product(
    app: &App,
    request: DeleteProductRequest,
) -> Result<DeleteProductResponse, Fault> {
    let id = read(|fields| fields.id("product_id", &request.product_id))?;
    let expected = request.expected_version;
    // One more than allowed, to find out whether there are too many.
    let limit = i64::try_from(MAX_DELETED_VARIANTS).unwrap_or(i64::MAX).saturating_add(1);
    app.db
        .write_once(&request, async move |tx| {
            let mut product: Product = entity::lock_to_delete(tx, id).await?;
            let mut own = variants::lock_of_product(tx, id, limit).await?;
            let now = tx.now().await?;
            let deleted = product.delete(own.len(), expected, now)?;
            let gone: Vec<_> = own.iter_mut().map(|own| own.head.delete(now)).collect();
            entity::save(tx, &product, Some(&deleted)).await?;
            entity::save_all(tx, &own.iter().zip(&gone).collect::<Vec<_>>()).await?;
            Ok(DeleteProductResponse {
                version: product.head.version,
                variants: i32::try_from(own.len()).unwrap_or(i32::MAX),
            })
        })
        .await
}
