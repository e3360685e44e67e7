//! Shows one product.

use crate::App;
use crate::domain::view;
use crate::prices::{Audience, of_skus};
use crate::refusals::passed_on;
use catalog_api::v1::{GetProductRequest, ListVariantsRequest};
use fault::Fault;
use gateway_api::v1::{GetProductViewRequest, GetProductViewResponse};

/// Most variants that a page shows.
const MAX_VARIANTS: i32 = 100;

/// A product with its variants and what each costs.
pub async fn get_product_view(
    app: &App,
    request: GetProductViewRequest,
) -> Result<GetProductViewResponse, Fault> {
    let product_id = request.product_id;
    let (mut catalog, mut too) = (app.catalog.clone(), app.catalog.clone());
    let variants = ListVariantsRequest {
        product_id: product_id.clone(),
        page_size: MAX_VARIANTS,
        ..Default::default()
    };
    let (product, variants) = tokio::join!(
        catalog.get_product(GetProductRequest { product_id, ..Default::default() }),
        too.list_variants(variants)
    );
    let product = product.map_err(passed_on)?.into_inner().product;
    let product = product.ok_or_else(|| Fault::internal("catalog answered without a product"))?;
    let variants = variants.map_err(passed_on)?.into_inner().variants;
    let skus = variants.iter().map(|variant| variant.sku.clone()).collect();
    let audience = Audience {
        currency_code: request.currency_code,
        channel: request.channel,
        country: request.country,
    };
    let mut costs = of_skus(app, audience, skus).await?;
    let shown = variants.first();
    let first = shown.and_then(|variant| costs.get(&variant.sku)).cloned().unwrap_or_default();
    let mut view = view::product(product, shown, first);
    let variants = variants.iter();
    view.variants = variants
        .map(|own| view::variant(own, costs.remove(&own.sku).unwrap_or_default()))
        .collect();
    Ok(GetProductViewResponse { product: Some(view) })
}
