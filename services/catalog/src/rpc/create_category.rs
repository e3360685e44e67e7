//! Creates a category.

use crate::domain::category::{Category, FIELDS};
use crate::store::categories;
use crate::{App, wire};
use contracts::catalog::v1::{CreateCategoryRequest, CreateCategoryResponse};
use fault::Fault;
use kernel::id::Id;

/// Creates a category below another or at the top.
pub async fn create_category(
    app: &App,
    request: CreateCategoryRequest,
) -> Result<CreateCategoryResponse, Fault> {
    let draft = wire::present("category", request.category.as_ref())?;
    let content = &wire::category::draft(draft, &FIELDS)?;
    app.db
        .write_once("catalog.create_category", &request, async move |tx| {
            categories::lock_tree(tx).await?;
            let id = Id::new();
            let around = categories::surroundings(tx, id, content).await?;
            let now = tx.now().await?;
            let (category, created) = Category::create(id, content.clone(), &around, now)?;
            categories::save(tx, &category, Some(&created)).await?;
            Ok(CreateCategoryResponse { category: Some((&category).into()) })
        })
        .await
}
