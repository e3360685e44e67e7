//! Creates a category.

use crate::domain::category::{Category, FIELDS};
use crate::store::categories;
use crate::{App, wire};
use catalog_api::v1::{CreateCategoryRequest, CreateCategoryResponse};
use convert::read;
use fault::Fault;
use kernel::id::Id;
use pg::entity;

/// Creates a category below another or at the top.
pub async fn create_category(
    app: &App,
    request: CreateCategoryRequest,
) -> Result<CreateCategoryResponse, Fault> {
    let content = &read(|fields| {
        fields.message("category", request.category.as_ref(), |fields, draft| {
            Some(wire::category::draft(fields, draft, &FIELDS))
        })
    })?;
    app.db
        .write_once(&request, async move |tx| {
            categories::lock_tree(tx).await?;
            let id = Id::new();
            let around = categories::surroundings(tx, id, content).await?;
            let now = tx.now().await?;
            let (category, created) = Category::create(id, content.clone(), &around, now)?;
            entity::save(tx, &category, Some(&created)).await?;
            Ok(CreateCategoryResponse { category: Some((&category).into()) })
        })
        .await
}
