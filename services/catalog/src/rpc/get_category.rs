//! Returns one category.

use crate::App;
use crate::domain::category::Category;
use catalog_api::v1::{GetCategoryRequest, GetCategoryResponse};
use contracts::Rpc;
use convert::read;
use fault::Fault;
use pg::entity;

/// A category that exists.
pub async fn get_category(
    app: &App,
    request: GetCategoryRequest,
) -> Result<GetCategoryResponse, Fault> {
    let id = read(|fields| fields.id("category_id", &request.category_id))?;
    let category: Category = app
        .db
        .look_up(GetCategoryRequest::METHOD, async move |tx| entity::get(tx, id).await)
        .await?;
    Ok(GetCategoryResponse { category: Some((&category).into()) })
}
