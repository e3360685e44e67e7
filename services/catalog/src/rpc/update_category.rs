//! Renames or moves a category.

use crate::domain::category::{Category, FIELDS};
use crate::store::{categories, list, product_stock};
use crate::{App, wire};
use catalog_api::v1::{UpdateCategoryRequest, UpdateCategoryResponse};
use convert::read;
use fault::Fault;
use pg::entity;

/// Changes the fields that the mask names; what is below the category moves with it.
pub async fn update_category(
    app: &App,
    request: UpdateCategoryRequest,
) -> Result<UpdateCategoryResponse, Fault> {
    let (id, named, content) = read(|fields| {
        let id = fields.id("category_id", &request.category_id);
        let named = fields.mask("update_mask", request.update_mask.as_ref(), &FIELDS)?;
        let content = fields.message("category", request.category.as_ref(), |fields, draft| {
            Some(wire::category::draft(fields, draft, &named))
        });
        Some((id?, named, content?))
    })?;
    let (named, content, expected) = (&named, &content, request.expected_version);
    app.db
        .write_once(&request, async move |tx| {
            categories::lock_tree(tx).await?;
            let mut category: Category = entity::lock(tx, id).await?;
            let mut next = category.content.clone();
            next.take(content.clone(), named);
            let around = categories::surroundings(tx, id, &next).await?;
            let change = category.update(next, &around, expected, tx.now().await?)?;
            entity::save(tx, &category, change.as_ref()).await?;
            if change
                .is_some_and(|own| own.touches("low_stock_threshold") || own.touches("parent_id"))
            {
                product_stock::look_below(tx, id).await?;
                tx.notify_after_commit(app.stock_due.clone());
                list::is_due_below(tx, id).await?;
            }
            Ok(UpdateCategoryResponse { category: Some((&category).into()) })
        })
        .await
}
