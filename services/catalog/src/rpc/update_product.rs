//! Changes fields of a product.

use crate::domain::product::{Content, FIELDS};
use crate::store::{attributes, products};
use crate::{App, wire};
use contracts::catalog::v1::{ProductStatus, UpdateProductRequest, UpdateProductResponse};
use fault::{Common, Fault};
use mesh::Mask;

/// Changes the fields that the mask names.
pub async fn update_product(
    app: &App,
    request: UpdateProductRequest,
) -> Result<UpdateProductResponse, Fault> {
    let id = wire::id("product_id", &request.product_id)?;
    let draft = wire::present("product", request.product.as_ref())?;
    let mask = Mask::check(request.update_mask.as_ref(), &FIELDS)?;
    let named: Vec<&str> = FIELDS.into_iter().filter(|field| mask.has(field)).collect();
    if mask.has("status") && draft.status() == ProductStatus::Unspecified {
        return Err(Fault::field(Common::InvalidField, "product.status", "is needed"));
    }
    let (content, given) = &wire::product::draft(draft, &named)?;
    let (named, expected) = (named.as_slice(), request.expected_version);
    app.db
        .write_once("catalog.update_product", &request, async move |tx| {
            let definitions = attributes::hold(tx, given).await?;
            let references = products::references(tx, content, id).await?;
            let mut product = products::lock(tx, id).await?;
            let now = tx.now().await?;
            let values = definitions.check(given, "product.tier2_attributes")?;
            let content = Content { values, ..content.clone() };
            let change = product.update(content, named, &references, expected, now)?;
            products::save(tx, &product, change.as_ref()).await?;
            Ok(UpdateProductResponse { product: Some((&product).into()) })
        })
        .await
}
