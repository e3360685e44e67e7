//! Lists brands by id.

use crate::store::brands;
use crate::{App, page};
use contracts::catalog::v1::{ListBrandsRequest, ListBrandsResponse};
use fault::Fault;

const METHOD: &str = "catalog.list_brands";

/// A page of the brands that exist.
pub async fn list_brands(
    app: &App,
    request: ListBrandsRequest,
) -> Result<ListBrandsResponse, Fault> {
    let size = page::size(request.page_size)?;
    let args = ListBrandsRequest::default();
    let after = page::open(&app.paging, METHOD, &args, &request.page_token)?;
    let mut brands = app
        .db
        .read_stale(METHOD, async move |tx| brands::list(tx, after, page::rows(size)).await)
        .await?;
    let last = page::cut(&mut brands, size).map(|brand| brand.id.uuid());
    Ok(ListBrandsResponse {
        brands: brands.iter().map(Into::into).collect(),
        next_page_token: page::seal(&app.paging, METHOD, &args, last),
    })
}
