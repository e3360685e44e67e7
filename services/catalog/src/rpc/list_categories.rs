//! Lists categories by id.

use crate::store::categories;
use crate::{App, page, wire};
use contracts::catalog::v1::{ListCategoriesRequest, ListCategoriesResponse};
use fault::Fault;

const METHOD: &str = "catalog.list_categories";

/// A page of all categories, or of the direct children of one.
pub async fn list_categories(
    app: &App,
    request: ListCategoriesRequest,
) -> Result<ListCategoriesResponse, Fault> {
    let size = page::size(request.page_size)?;
    let args = ListCategoriesRequest { page_size: 0, page_token: String::new(), ..request.clone() };
    let after = page::open(&app.paging, METHOD, &args, &request.page_token)?;
    let parent = wire::optional_id("parent_id", &request.parent_id)?;
    let mut categories = app
        .db
        .read_stale(METHOD, async move |tx| {
            categories::list(tx, parent, after, page::rows(size)).await
        })
        .await?;
    let last = page::cut(&mut categories, size).map(|category| category.id.uuid());
    Ok(ListCategoriesResponse {
        categories: categories.iter().map(Into::into).collect(),
        next_page_token: page::seal(&app.paging, METHOD, &args, last),
    })
}
