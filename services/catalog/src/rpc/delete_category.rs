//! Deletes an empty category.

use crate::App;
use crate::domain::category::Category;
use crate::store::categories;
use catalog_api::v1::{DeleteCategoryRequest, DeleteCategoryResponse};
use convert::read;
use fault::Fault;
use pg::entity;

/// Deletes a category that has neither products nor children. Its lock waits for products that are just coming to name it, so they
/// are counted.
pub async fn delete_category(
    app: &App,
    request: DeleteCategoryRequest,
) -> Result<DeleteCategoryResponse, Fault> {
    let id = read(|fields| fields.id("category_id", &request.category_id))?;
    let expected = request.expected_version;
    app.db
        .write_once(&request, async move |tx| {
            categories::lock_tree(tx).await?;
            let mut category: Category = entity::lock_to_delete(tx, id).await?;
            let (products, children) = categories::below(tx, id).await?;
            let deleted = category.delete(products, children, expected, tx.now().await?)?;
            entity::save(tx, &category, Some(&deleted)).await?;
            Ok(DeleteCategoryResponse { version: category.head.version })
        })
        .await
}
