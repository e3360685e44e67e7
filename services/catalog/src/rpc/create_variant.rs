//! Adds a variant to a product.

use crate::domain::product::Product;
use crate::domain::variant::{Content, FIELDS, Variant, options_taken, sku_taken};
use crate::store::{attributes, variants};
use crate::{App, wire};
use catalog_api::v1::{CreateVariantRequest, CreateVariantResponse};
use convert::read;
use fault::Fault;
use kernel::id::Id;
use pg::entity::{self, Stored};

/// Adds a variant to a product that exists.
pub async fn create_variant(
    app: &App,
    request: CreateVariantRequest,
) -> Result<CreateVariantResponse, Fault> {
    let (product_id, (sku, content, given)) = read(|fields| {
        let product_id = fields.id("product_id", &request.product_id);
        let variant = fields.message("variant", request.variant.as_ref(), |fields, draft| {
            let sku = fields.sku("sku", &draft.sku);
            let (content, given) = wire::variant::draft(fields, draft, &FIELDS);
            Some((sku?, content, given))
        });
        product_id.zip(variant)
    })?;
    let (sku, content, given) = (&sku, &content, &given);
    app.db
        .write_once(&request, async move |tx| {
            let definitions = attributes::lock_references(tx, given).await?;
            let product: Vec<Id<Product>> = entity::lock_reference(tx, &[product_id]).await?;
            if product.is_empty() {
                return Err(Product::not_found(product_id));
            }
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
            entity::save(tx, &variant, Some(&created)).await?;
            Ok(CreateVariantResponse { variant: Some((&variant).into()) })
        })
        .await
}
