//! Changes fields of a product.

use crate::domain::product::{Content, FIELDS, Product};
use crate::store::{attributes, products};
use crate::{App, wire};
use catalog_api::v1::{ProductStatus, UpdateProductRequest, UpdateProductResponse};
use convert::read;
use fault::{Common, Fault};
use pg::entity;

/// Changes the fields that the mask names.
pub async fn update_product(
    app: &App,
    request: UpdateProductRequest,
) -> Result<UpdateProductResponse, Fault> {
    let (id, named, (content, given)) = read(|fields| {
        let id = fields.id("product_id", &request.product_id);
        let named = fields.mask("update_mask", request.update_mask.as_ref(), &FIELDS)?;
        let product = fields.message("product", request.product.as_ref(), |fields, draft| {
            if named.contains(&"status") && draft.status() == ProductStatus::Unspecified {
                fields.note(Common::InvalidField, "status", "is required");
            }
            Some(wire::product::draft(fields, draft, &named))
        });
        Some((id?, named, product?))
    })?;
    let (named, content, given) = (&named, &content, &given);
    let expected = request.expected_version;
    app.db
        .write_once(&request, async move |tx| {
            let definitions = attributes::lock_references(tx, given).await?;
            let references = products::references(tx, content, id).await?;
            let mut product: Product = entity::lock(tx, id).await?;
            let now = tx.now().await?;
            let values = definitions.check(given, "product.tier2_attributes")?;
            let content = Content { values, ..content.clone() };
            let change = product.update(content, named, &references, expected, now)?;
            entity::save(tx, &product, change.as_ref()).await?;
            Ok(UpdateProductResponse { product: Some((&product).into()) })
        })
        .await
}
