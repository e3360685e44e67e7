//! Shows one product.

use crate::App;
use crate::domain::view::{self, Stock};
use crate::prices::{self, Audience};
use crate::refusals::passed_on;
use crate::stock;
use catalog_api::v1::{GetProductRequest, ListVariantsRequest, Variant};
use fault::Fault;
use gateway_api::v1::{GetProductViewRequest, GetProductViewResponse};

/// Most variants that a page shows.
const MAX_VARIANTS: i32 = 100;

/// A product with its variants, what each costs and how many there are.
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
    let skus: Vec<String> = variants.iter().map(|variant| variant.sku.clone()).collect();
    let audience = Audience {
        currency_code: request.currency_code,
        channel: request.channel,
        country: request.country,
    };
    let (costs, units) =
        tokio::try_join!(prices::of_skus(app, audience, skus.clone()), stock::of_skus(app, skus))?;
    let of = |sku: &str| {
        let costs = costs.get(sku).cloned().unwrap_or_default();
        (costs, units.get(sku).map(Stock::of).unwrap_or_default())
    };
    let shown = variants.first();
    let (first, there) = shown.map(|variant| of(&variant.sku)).unwrap_or_default();
    let mut view = view::product(product, shown, first, there);
    let variant = |own: &Variant| {
        let (costs, stock) = of(&own.sku);
        view::variant(own, costs, stock)
    };
    view.variants = variants.iter().map(variant).collect();
    Ok(GetProductViewResponse { product: Some(view) })
}
