//! Lists the variants of a product by id.

use crate::App;
use crate::store::{products, variants};
use catalog_api::v1::{ListVariantsRequest, ListVariantsResponse};
use contracts::Rpc;
use convert::read;
use fault::Fault;

/// A page of the variants of a product that exists.
pub async fn list_variants(
    app: &App,
    request: ListVariantsRequest,
) -> Result<ListVariantsResponse, Fault> {
    let product = read(|fields| fields.id("product_id", &request.product_id))?;
    let page = app.paging.page(&request)?;
    let (after, rows) = (page.after()?, page.rows());
    let variants = app
        .db
        .read_stale(ListVariantsRequest::METHOD, async move |tx| {
            products::require(tx, product).await?;
            variants::list(tx, product, after, rows).await
        })
        .await?;
    let (variants, next_page_token) = page.items_by_id(variants, |variant| variant.head.id);
    Ok(ListVariantsResponse { variants, next_page_token })
}
