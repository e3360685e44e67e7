//! Adds a variant to a product.

use crate::domain::variant::{Content, FIELDS, Variant, options_taken, sku_taken};
use crate::store::{attributes, products, variants};
use crate::{App, wire};
use contracts::catalog::v1::{CreateVariantRequest, CreateVariantResponse};
use fault::Fault;
use kernel::id::Id;

/// Adds a variant to a product that exists.
pub async fn create_variant(
    app: &App,
    request: CreateVariantRequest,
) -> Result<CreateVariantResponse, Fault> {
    let product_id = wire::id("product_id", &request.product_id)?;
    let draft = wire::present("variant", request.variant.as_ref())?;
    let sku = &wire::variant::sku("variant", &draft.sku)?;
    let (content, given) = &wire::variant::draft("variant", draft, &FIELDS)?;
    app.db
        .write_once("catalog.create_variant", &request, async move |tx| {
            let definitions = attributes::hold(tx, given).await?;
            products::hold(tx, product_id).await?;
            let values = definitions.check(given, "variant.tier2_attributes")?;
            let content = Content { values, ..content.clone() };
            if variants::states(tx, std::slice::from_ref(sku)).await?.contains_key(sku) {
                return Err(sku_taken(sku).below("variant"));
            }
            let wanted = (product_id, content.options());
            if !variants::of_options(tx, &[wanted]).await?.is_empty() {
                return Err(options_taken().below("variant"));
            }
            let now = tx.now().await?;
            let (variant, created) = Variant::new(Id::new(), product_id, sku.clone(), content, now);
            variants::save(tx, &variant, Some(&created)).await?;
            Ok(CreateVariantResponse { variant: Some((&variant).into()) })
        })
        .await
}
