//! Shows what a search finds.

use crate::App;
use crate::domain::view::{self, Stock};
use crate::prices::{self, Audience};
use crate::refusals::passed_on;
use crate::stock;
use catalog_api::v1::{BatchGetProductsRequest, Product};
use fault::Fault;
use gateway_api::v1::{SearchProductViewsRequest, SearchProductViewsResponse};
use search_api::v1::{Filters, SearchProductsRequest};
use std::collections::HashMap;

/// Most products of a page.
const MAX_PAGE: i32 = 100;

/// A page of products that match, each with the variant that matches best, what that costs and how many there are.
pub async fn search_product_views(
    app: &App,
    request: SearchProductViewsRequest,
) -> Result<SearchProductViewsResponse, Fault> {
    let filters = Filters {
        category_ids: request.category_ids,
        brand_ids: request.brand_ids,
        ..Filters::default()
    };
    let search = SearchProductsRequest {
        query: request.query,
        filters: Some(filters),
        page_size: request.page_size.min(MAX_PAGE),
        page_token: request.page_token,
        ..SearchProductsRequest::default()
    };
    let found = app.search.clone().search_products(search).await.map_err(passed_on)?.into_inner();
    let ids = found.products.iter().map(|hit| hit.product_id.clone()).collect();
    let skus = found.products.iter().map(|hit| hit.sku.clone()).filter(|sku| !sku.is_empty());
    let skus: Vec<String> = skus.collect();
    let audience = Audience {
        currency_code: request.currency_code,
        channel: request.channel,
        country: request.country,
    };
    let (mut products, mut costs, units) = tokio::try_join!(
        products(app, ids),
        prices::of_skus(app, audience, skus.clone()),
        stock::of_skus(app, skus)
    )?;
    let views = found.products.into_iter().filter_map(|hit| {
        let costs = costs.remove(&hit.sku).unwrap_or_default();
        let stock = units.get(&hit.sku).map(Stock::of).unwrap_or_default();
        let mut view = view::product(products.remove(&hit.product_id)?, None, costs, stock);
        view.sku = hit.sku;
        Some(view)
    });
    Ok(SearchProductViewsResponse {
        products: views.collect(),
        total: found.total,
        next_page_token: found.next_page_token,
    })
}

/// The products with these ids, those that are there.
async fn products(app: &App, mut ids: Vec<String>) -> Result<HashMap<String, Product>, Fault> {
    let (mut catalog, mut all) = (app.catalog.clone(), HashMap::new());
    while !ids.is_empty() {
        let request = BatchGetProductsRequest { product_ids: ids };
        let answer = catalog.batch_get_products(request).await.map_err(passed_on)?.into_inner();
        all.extend(answer.products.into_iter().map(|own| (own.product_id.clone(), own)));
        ids = answer.remaining_ids;
    }
    Ok(all)
}
