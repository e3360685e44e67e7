//! Lists products by id.

use crate::store::products::{self, Filter};
use crate::{App, wire};
use contracts::catalog::v1::{ListProductsRequest, ListProductsResponse};
use fault::Fault;
use kernel::id::Id;
use mesh::Paging;

const METHOD: &str = "catalog.list_products";

/// A page of the products that exist, of one category, of one brand, or of all.
pub async fn list_products(
    app: &App,
    request: ListProductsRequest,
) -> Result<ListProductsResponse, Fault> {
    let size = Paging::size(request.page_size)?;
    let args = ListProductsRequest { page_size: 0, page_token: String::new(), ..request.clone() };
    let after =
        Id::from_uuid(app.paging.after(METHOD, &args, &request.page_token)?.unwrap_or_default());
    let filter = Filter {
        category_id: wire::optional_id("category_id", &request.category_id)?,
        brand_id: wire::optional_id("brand_id", &request.brand_id)?,
    };
    let mut products = app
        .db
        .read_stale(METHOD, async move |tx| products::list(tx, filter, after, size.rows()).await)
        .await?;
    let last = size.cut(&mut products).map(|product| product.id.uuid());
    Ok(ListProductsResponse {
        products: products.iter().map(Into::into).collect(),
        next_page_token: app.paging.next(METHOD, &args, last),
    })
}
