//! Lists brands by id.

use crate::App;
use crate::store::brands;
use contracts::catalog::v1::{ListBrandsRequest, ListBrandsResponse};
use fault::Fault;
use kernel::id::Id;
use mesh::Paging;

const METHOD: &str = "catalog.list_brands";

/// A page of the brands that exist.
pub async fn list_brands(
    app: &App,
    request: ListBrandsRequest,
) -> Result<ListBrandsResponse, Fault> {
    let size = Paging::size(request.page_size)?;
    let args = ListBrandsRequest::default();
    let after =
        Id::from_uuid(app.paging.after(METHOD, &args, &request.page_token)?.unwrap_or_default());
    let mut brands = app
        .db
        .read_stale(METHOD, async move |tx| brands::list(tx, after, size.rows()).await)
        .await?;
    let last = size.cut(&mut brands).map(|brand| brand.id.uuid());
    Ok(ListBrandsResponse {
        brands: brands.iter().map(Into::into).collect(),
        next_page_token: app.paging.next(METHOD, &args, last),
    })
}
