//! Lists categories by id.

use crate::store::categories;
use crate::{App, wire};
use contracts::catalog::v1::{ListCategoriesRequest, ListCategoriesResponse};
use fault::Fault;
use kernel::id::Id;
use mesh::Paging;

const METHOD: &str = "catalog.list_categories";

/// A page of all categories, or of the direct children of one.
pub async fn list_categories(
    app: &App,
    request: ListCategoriesRequest,
) -> Result<ListCategoriesResponse, Fault> {
    let size = Paging::size(request.page_size)?;
    let args = ListCategoriesRequest { page_size: 0, page_token: String::new(), ..request.clone() };
    let after =
        Id::from_uuid(app.paging.after(METHOD, &args, &request.page_token)?.unwrap_or_default());
    let parent = wire::optional_id("parent_id", &request.parent_id)?;
    let mut categories = app
        .db
        .read_stale(METHOD, async move |tx| categories::list(tx, parent, after, size.rows()).await)
        .await?;
    let last = size.cut(&mut categories).map(|category| category.id.uuid());
    Ok(ListCategoriesResponse {
        categories: categories.iter().map(Into::into).collect(),
        next_page_token: app.paging.next(METHOD, &args, last),
    })
}
