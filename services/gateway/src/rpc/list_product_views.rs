//! Shows products.

use crate::domain::view::{self, Stock};
use crate::prices::{self, Audience};
use crate::refusals::passed_on;
use crate::{App, is_gone, stock};
use catalog_api::v1::{ListProductsRequest, ListVariantsRequest, Product, ProductOrder, Variant};
use fault::Fault;
use futures::{StreamExt, TryStreamExt};
use gateway_api::v1::{ListProductViewsRequest, ListProductViewsResponse};

/// Most products of a page.
const MAX_PAGE: i32 = 100;
/// Products of which variants are asked for at a time.
const AT_A_TIME: usize = 8;

/// A page of products, each with its first variant, what that costs and how many there are.
pub async fn list_product_views(
    app: &App,
    request: ListProductViewsRequest,
) -> Result<ListProductViewsResponse, Fault> {
    let currency = match request.currency_code.as_str() {
        "" => app.currency.clone(),
        own => own.to_owned(),
    };
    let list = ListProductsRequest {
        page_size: request.page_size.min(MAX_PAGE),
        page_token: request.page_token,
        category_id: request.category_id,
        brand_id: request.brand_id,
        include_subcategories: request.include_subcategories,
        order: order(&request.sort).into(),
        currency_code: currency,
        ..ListProductsRequest::default()
    };
    let page = app.catalog.clone().list_products(list).await.map_err(passed_on)?.into_inner();
    let products: Vec<(Product, Option<Variant>)> = futures::stream::iter(page.products)
        .map(async |product| {
            let variant = first_variant(app, &product.product_id).await?;
            Ok::<_, Fault>((product, variant))
        })
        .buffered(AT_A_TIME)
        .try_collect()
        .await?;
    let variants = products.iter().filter_map(|(_, variant)| variant.as_ref());
    let skus: Vec<String> = variants.map(|variant| variant.sku.clone()).collect();
    let audience = Audience {
        currency_code: request.currency_code,
        channel: request.channel,
        country: request.country,
    };
    let (mut costs, units) =
        tokio::try_join!(prices::of_skus(app, audience, skus.clone()), stock::of_skus(app, skus))?;
    let products = products.into_iter().map(|(product, variant)| {
        let costs = variant.as_ref().and_then(|variant| costs.remove(&variant.sku));
        let stock = variant.as_ref().and_then(|variant| units.get(&variant.sku)).map(Stock::of);
        view::product(
            product,
            variant.as_ref(),
            costs.unwrap_or_default(),
            stock.unwrap_or_default(),
        )
    });
    Ok(ListProductViewsResponse {
        products: products.collect(),
        next_page_token: page.next_page_token,
    })
}

fn order(sort: &str) -> ProductOrder {
    match sort {
        "name" => ProductOrder::Name,
        "newest" => ProductOrder::Newest,
        "price" => ProductOrder::PriceAscending,
        "-price" => ProductOrder::PriceDescending,
        _ => ProductOrder::Unspecified,
    }
}

/// The first variant of a product; none where it has none, or was deleted just now.
async fn first_variant(app: &App, product_id: &str) -> Result<Option<Variant>, Fault> {
    let request = ListVariantsRequest {
        product_id: product_id.to_owned(),
        page_size: 1,
        ..ListVariantsRequest::default()
    };
    match app.catalog.clone().list_variants(request).await.map_err(Fault::from) {
        Ok(page) => Ok(page.into_inner().variants.into_iter().next()),
        Err(fault) if is_gone(&fault) => Ok(None),
        Err(fault) => Err(fault),
    }
}
