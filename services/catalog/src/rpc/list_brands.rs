//! Lists brands by id.

use crate::App;
use crate::domain::brand::Brand;
use catalog_api::v1::{ListBrandsRequest, ListBrandsResponse};
use contracts::Rpc;
use fault::Fault;
use pg::entity;

/// A page of the brands that exist.
pub async fn list_brands(
    app: &App,
    request: ListBrandsRequest,
) -> Result<ListBrandsResponse, Fault> {
    let page = app.paging.page(&request)?;
    let (after, rows) = (page.after()?, page.rows());
    let brands: Vec<Brand> = app
        .db
        .read_stale(ListBrandsRequest::METHOD, async move |tx| {
            entity::list(after, rows).load(tx).await
        })
        .await?;
    let (brands, next_page_token) = page.items_by_id(brands, |brand| brand.head.id);
    Ok(ListBrandsResponse { brands, next_page_token })
}
