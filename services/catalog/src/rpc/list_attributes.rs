//! Lists definitions of attributes by id.

use crate::App;
use crate::domain::attribute::Attribute;
use catalog_api::v1::{ListAttributesRequest, ListAttributesResponse};
use contracts::Rpc;
use fault::Fault;
use pg::entity;

/// A page of definitions.
pub async fn list_attributes(
    app: &App,
    request: ListAttributesRequest,
) -> Result<ListAttributesResponse, Fault> {
    let page = app.paging.page(&request)?;
    let (after, rows) = (page.after()?, page.rows());
    let attributes: Vec<Attribute> = app
        .db
        .read_stale(ListAttributesRequest::METHOD, async move |tx| {
            entity::list(after, rows).load(tx).await
        })
        .await?;
    let (attributes, next_page_token) = page.items_by_id(attributes, |attribute| attribute.head.id);
    Ok(ListAttributesResponse { attributes, next_page_token })
}
