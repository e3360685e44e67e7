//! Changes fields of a variant.

use crate::domain::variant::{Content, FIELDS, options_taken};
use crate::store::{attributes, variants};
use crate::{App, wire};
use contracts::catalog::v1::{UpdateVariantRequest, UpdateVariantResponse};
use fault::Fault;
use mesh::Mask;

/// Changes the fields that the mask names; the SKU is never one of them.
pub async fn update_variant(
    app: &App,
    request: UpdateVariantRequest,
) -> Result<UpdateVariantResponse, Fault> {
    let id = wire::id("variant_id", &request.variant_id)?;
    let draft = wire::present("variant", request.variant.as_ref())?;
    let mask = Mask::check(request.update_mask.as_ref(), &FIELDS)?;
    let named: Vec<&str> = FIELDS.into_iter().filter(|field| mask.has(field)).collect();
    let (content, given) = &wire::variant::draft("variant", draft, &named)?;
    let (named, expected) = (named.as_slice(), request.expected_version);
    app.db
        .write_once("catalog.update_variant", &request, async move |tx| {
            let definitions = attributes::hold(tx, given).await?;
            let mut variant = variants::lock(tx, id).await?;
            let now = tx.now().await?;
            let values = definitions.check(given, "variant.tier2_attributes")?;
            let content = Content { values, ..content.clone() };
            let change = variant.update(content, named, expected, now)?;
            let wanted = (variant.product_id, variant.content.options());
            let holder = variants::of_options(tx, &[wanted]).await?;
            if holder.get(&wanted).is_some_and(|holder| *holder != id) {
                return Err(options_taken().below("variant"));
            }
            variants::save(tx, &variant, change.as_ref()).await?;
            Ok(UpdateVariantResponse { variant: Some((&variant).into()) })
        })
        .await
}
