//! Changes fields of a variant.

use crate::domain::variant::{Content, FIELDS, Variant, options_taken};
use crate::store::{attributes, variants};
use crate::{App, wire};
use catalog_api::v1::{UpdateVariantRequest, UpdateVariantResponse};
use convert::read;
use fault::Fault;
use pg::entity;

/// Changes the fields that the mask names; the SKU is never one of them.
pub async fn update_variant(
    app: &App,
    request: UpdateVariantRequest,
) -> Result<UpdateVariantResponse, Fault> {
    let (id, named, (content, given)) = read(|fields| {
        let id = fields.id("variant_id", &request.variant_id);
        let named = fields.mask("update_mask", request.update_mask.as_ref(), &FIELDS)?;
        let variant = fields.message("variant", request.variant.as_ref(), |fields, draft| {
            Some(wire::variant::draft(fields, draft, &named))
        });
        Some((id?, named, variant?))
    })?;
    let (named, content, given) = (&named, &content, &given);
    let expected = request.expected_version;
    app.db
        .write_once(&request, async move |tx| {
            let definitions = attributes::lock_references(tx, given).await?;
            let mut variant: Variant = entity::lock(tx, id).await?;
            let now = tx.now().await?;
            let values = definitions.check(given, "variant.tier2_attributes")?;
            let content = Content { values, ..content.clone() };
            let change = variant.update(content, named, expected, now)?;
            let wanted = (variant.product_id, variant.content.options());
            let holder = variants::of_options(tx, &[wanted]).await?;
            if holder.get(&wanted).is_some_and(|holder| *holder != id) {
                return Err(options_taken().below("variant"));
            }
            entity::save(tx, &variant, change.as_ref()).await?;
            Ok(UpdateVariantResponse { variant: Some((&variant).into()) })
        })
        .await
}
