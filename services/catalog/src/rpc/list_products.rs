//! Lists products by id.

use crate::App;
use crate::store::products::{self, Filter};
use catalog_api::v1::{ListProductsRequest, ListProductsResponse};
use contracts::Rpc;
use convert::read;
use fault::Fault;

/// A page of the products that exist, of one category, of one brand, or of all.
pub async fn list_products(
    app: &App,
    request: ListProductsRequest,
) -> Result<ListProductsResponse, Fault> {
    let page = app.paging.page(&request)?;
    let filter = read(|fields| {
        let category_id = fields.optional_id("category_id", &request.category_id);
        let brand_id = fields.optional_id("brand_id", &request.brand_id);
        Some(Filter { category_id: category_id?, brand_id: brand_id? })
    })?;
    let (after, rows) = (page.after()?, page.rows());
    let products = app
        .db
        .read_stale(ListProductsRequest::METHOD, async move |tx| {
            products::list(tx, filter, after, rows).await
        })
        .await?;
    let (products, next_page_token) = page.items_by_id(products, |product| product.head.id);
    Ok(ListProductsResponse { products, next_page_token })
}
