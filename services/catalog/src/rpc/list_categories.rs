//! Lists categories by id.

use crate::App;
use crate::store::categories;
use catalog_api::v1::{ListCategoriesRequest, ListCategoriesResponse};
use contracts::Rpc;
use convert::read;
use fault::Fault;

/// A page of all categories, or of the direct children of one.
pub async fn list_categories(
    app: &App,
    request: ListCategoriesRequest,
) -> Result<ListCategoriesResponse, Fault> {
    let page = app.paging.page(&request)?;
    let parent = read(|fields| fields.optional_id("parent_id", &request.parent_id))?;
    let (after, rows) = (page.after()?, page.rows());
    let categories = app
        .db
        .read_stale(ListCategoriesRequest::METHOD, async move |tx| {
            categories::list(tx, parent, after, rows).await
        })
        .await?;
    let (categories, next_page_token) = page.items_by_id(categories, |category| category.head.id);
    Ok(ListCategoriesResponse { categories, next_page_token })
}
