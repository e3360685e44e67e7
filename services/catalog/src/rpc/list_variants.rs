//! Lists the variants of a product by id.

use crate::store::{products, variants};
use crate::{App, wire};
use contracts::catalog::v1::{ListVariantsRequest, ListVariantsResponse};
use fault::Fault;
use kernel::id::Id;
use mesh::Paging;

const METHOD: &str = "catalog.list_variants";

/// A page of the variants of a product that exists.
pub async fn list_variants(
    app: &App,
    request: ListVariantsRequest,
) -> Result<ListVariantsResponse, Fault> {
    let product = wire::id("product_id", &request.product_id)?;
    let size = Paging::size(request.page_size)?;
    let args = ListVariantsRequest { page_size: 0, page_token: String::new(), ..request.clone() };
    let after =
        Id::from_uuid(app.paging.after(METHOD, &args, &request.page_token)?.unwrap_or_default());
    let mut variants = app
        .db
        .read_stale(METHOD, async move |tx| {
            products::require(tx, product).await?;
            variants::list(tx, product, after, size.rows()).await
        })
        .await?;
    let last = size.cut(&mut variants).map(|variant| variant.id.uuid());
    Ok(ListVariantsResponse {
        variants: variants.iter().map(Into::into).collect(),
        next_page_token: app.paging.next(METHOD, &args, last),
    })
}
