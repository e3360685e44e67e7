//! Deletes a variant.

use crate::store::{products, variants};
use crate::{App, wire};
use contracts::catalog::v1::{DeleteVariantRequest, DeleteVariantResponse};
use fault::Fault;

/// Deletes a variant, unless its product has no other. The product is locked first: of two that delete the last two variants, one
/// sees what the other did.
pub async fn delete_variant(
    app: &App,
    request: DeleteVariantRequest,
) -> Result<DeleteVariantResponse, Fault> {
    let id = wire::id("variant_id", &request.variant_id)?;
    let expected = request.expected_version;
    app.db
        .write_once("catalog.delete_variant", &request, async move |tx| {
            let product = variants::product_of(tx, id).await?;
            products::lock_all(tx, &[product]).await?;
            let mut variant = variants::lock(tx, id).await?;
            let others = variants::others(tx, product, id).await?;
            let deleted = variant.delete(others, expected, tx.now().await?)?;
            variants::save(tx, &variant, Some(&deleted)).await?;
            Ok(DeleteVariantResponse { version: variant.version })
        })
        .await
}
