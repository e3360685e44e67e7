//! Lists definitions of attributes by id.

use crate::store::attributes;
use crate::{App, page};
use contracts::catalog::v1::{ListAttributesRequest, ListAttributesResponse};
use fault::Fault;

const METHOD: &str = "catalog.list_attributes";

/// A page of definitions.
pub async fn list_attributes(
    app: &App,
    request: ListAttributesRequest,
) -> Result<ListAttributesResponse, Fault> {
    let size = page::size(request.page_size)?;
    let args = ListAttributesRequest::default();
    let after = page::open(&app.paging, METHOD, &args, &request.page_token)?;
    let mut attributes = app
        .db
        .read_stale(METHOD, async move |tx| attributes::list(tx, after, page::rows(size)).await)
        .await?;
    let last = page::cut(&mut attributes, size).map(|attribute| attribute.id.uuid());
    Ok(ListAttributesResponse {
        attributes: attributes.iter().map(Into::into).collect(),
        next_page_token: page::seal(&app.paging, METHOD, &args, last),
    })
}
