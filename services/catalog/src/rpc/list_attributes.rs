//! Lists definitions of attributes by id.

use crate::App;
use crate::store::attributes;
use contracts::catalog::v1::{ListAttributesRequest, ListAttributesResponse};
use fault::Fault;
use kernel::id::Id;
use mesh::Paging;

const METHOD: &str = "catalog.list_attributes";

/// A page of definitions.
pub async fn list_attributes(
    app: &App,
    request: ListAttributesRequest,
) -> Result<ListAttributesResponse, Fault> {
    let size = Paging::size(request.page_size)?;
    let args = ListAttributesRequest::default();
    let after =
        Id::from_uuid(app.paging.after(METHOD, &args, &request.page_token)?.unwrap_or_default());
    let mut attributes = app
        .db
        .read_stale(METHOD, async move |tx| attributes::list(tx, after, size.rows()).await)
        .await?;
    let last = size.cut(&mut attributes).map(|attribute| attribute.id.uuid());
    Ok(ListAttributesResponse {
        attributes: attributes.iter().map(Into::into).collect(),
        next_page_token: app.paging.next(METHOD, &args, last),
    })
}
