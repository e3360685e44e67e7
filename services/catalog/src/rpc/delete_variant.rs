//! Deletes a variant.

use crate::App;
use crate::domain::product::Product;
use crate::domain::variant::Variant;
use crate::store::variants;
use catalog_api::v1::{DeleteVariantRequest, DeleteVariantResponse};
use convert::read;
use fault::Fault;
use pg::entity::{self, Lock};

/// Deletes a variant, unless its product has no other. The product is locked first: of two that delete the last two variants, one
/// sees what the other did.
pub async fn delete_variant(
    app: &App,
    request: DeleteVariantRequest,
) -> Result<DeleteVariantResponse, Fault> {
    let id = read(|fields| fields.id("variant_id", &request.variant_id))?;
    let expected = request.expected_version;
    app.db
        .write_once(&request, async move |tx| {
            let product = variants::product_of(tx, id).await?;
            entity::lock_all::<Product>(tx, &[product], Lock::Deletion).await?;
            let mut variant: Variant = entity::lock_to_delete(tx, id).await?;
            let others = variants::others(tx, product, id).await?;
            let deleted = variant.delete(others, expected, tx.now().await?)?;
            entity::save(tx, &variant, Some(&deleted)).await?;
            Ok(DeleteVariantResponse { version: variant.head.version })
        })
        .await
}
