//! Lists products by id.

use crate::store::products::{self, Filter};
use crate::{App, page, wire};
use contracts::catalog::v1::{ListProductsRequest, ListProductsResponse};
use fault::Fault;

const METHOD: &str = "catalog.list_products";

/// A page of the products that exist, of one category, of one brand, or of all.
pub async fn list_products(
    app: &App,
    request: ListProductsRequest,
) -> Result<ListProductsResponse, Fault> {
    let size = page::size(request.page_size)?;
    let args = ListProductsRequest { page_size: 0, page_token: String::new(), ..request.clone() };
    let after = page::open(&app.paging, METHOD, &args, &request.page_token)?;
    let filter = Filter {
        category_id: wire::optional_id("category_id", &request.category_id)?,
        brand_id: wire::optional_id("brand_id", &request.brand_id)?,
    };
    let mut products = app
        .db
        .read_stale(METHOD, async move |tx| {
            products::list(tx, filter, after, page::rows(size)).await
        })
        .await?;
    let last = page::cut(&mut products, size).map(|product| product.id.uuid());
    Ok(ListProductsResponse {
        products: products.iter().map(Into::into).collect(),
        next_page_token: page::seal(&app.paging, METHOD, &args, last),
    })
}
