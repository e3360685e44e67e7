//! Renames or moves a category.

use crate::domain::category::FIELDS;
use crate::store::categories;
use crate::{App, wire};
use contracts::catalog::v1::{UpdateCategoryRequest, UpdateCategoryResponse};
use fault::Fault;
use mesh::Mask;

/// Changes the fields that the mask names; what is below the category moves with it.
pub async fn update_category(
    app: &App,
    request: UpdateCategoryRequest,
) -> Result<UpdateCategoryResponse, Fault> {
    let id = wire::id("category_id", &request.category_id)?;
    let draft = wire::present("category", request.category.as_ref())?;
    let mask = Mask::check(request.update_mask.as_ref(), &FIELDS)?;
    let named: Vec<&str> = FIELDS.into_iter().filter(|field| mask.has(field)).collect();
    let content = &wire::category::draft(draft, &named)?;
    let (named, expected) = (named.as_slice(), request.expected_version);
    app.db
        .write_once("catalog.update_category", &request, async move |tx| {
            categories::lock_tree(tx).await?;
            let mut category = categories::lock(tx, id).await?;
            let next = category.content.with(content.clone(), named);
            let around = categories::surroundings(tx, id, &next).await?;
            let change = category.update(next, &around, expected, tx.now().await?)?;
            categories::save(tx, &category, change.as_ref()).await?;
            Ok(UpdateCategoryResponse { category: Some((&category).into()) })
        })
        .await
}
