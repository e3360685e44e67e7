//! Returns one category.

use crate::store::categories;
use crate::{App, wire};
use contracts::catalog::v1::{GetCategoryRequest, GetCategoryResponse};
use fault::Fault;

/// A category that exists.
pub async fn get_category(
    app: &App,
    request: GetCategoryRequest,
) -> Result<GetCategoryResponse, Fault> {
    let id = wire::id("category_id", &request.category_id)?;
    let category =
        app.db.read("catalog.get_category", async move |tx| categories::get(tx, id).await).await?;
    Ok(GetCategoryResponse { category: Some((&category).into()) })
}
