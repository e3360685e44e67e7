//! Lists the variants of a product by id.

use crate::store::{products, variants};
use crate::{App, page, wire};
use contracts::catalog::v1::{ListVariantsRequest, ListVariantsResponse};
use fault::Fault;

const METHOD: &str = "catalog.list_variants";

/// A page of the variants of a product that exists.
pub async fn list_variants(
    app: &App,
    request: ListVariantsRequest,
) -> Result<ListVariantsResponse, Fault> {
    let product = wire::id("product_id", &request.product_id)?;
    let size = page::size(request.page_size)?;
    let args = ListVariantsRequest { page_size: 0, page_token: String::new(), ..request.clone() };
    let after = page::open(&app.paging, METHOD, &args, &request.page_token)?;
    let mut variants = app
        .db
        .read_stale(METHOD, async move |tx| {
            products::require(tx, product).await?;
            variants::list(tx, product, after, page::rows(size)).await
        })
        .await?;
    let last = page::cut(&mut variants, size).map(|variant| variant.id.uuid());
    Ok(ListVariantsResponse {
        variants: variants.iter().map(Into::into).collect(),
        next_page_token: page::seal(&app.paging, METHOD, &args, last),
    })
}
