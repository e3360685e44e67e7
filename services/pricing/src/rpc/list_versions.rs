//! Lists the versions of all prices, for projections to compare themselves with.

use crate::App;
use crate::store::prices;
use contracts::pricing::v1::{ListVersionsRequest, ListVersionsResponse};
use fault::Fault;
use mesh::Paging;

const METHOD: &str = "pricing.list_versions";

/// Most rows: they are small, and a comparison reads all of them.
const MOST: u16 = 5_000;

/// A page of versions, deleted prices included.
pub async fn list_versions(
    app: &App,
    request: ListVersionsRequest,
) -> Result<ListVersionsResponse, Fault> {
    let size = Paging::size_up_to(request.page_size, MOST)?;
    let args = ListVersionsRequest::default();
    let after = app.paging.after(METHOD, &args, &request.page_token)?;
    let mut prices = app
        .db
        .read(METHOD, async |tx| prices::list_with_deleted(tx, after, size.rows()).await)
        .await?;
    let last = size.cut(&mut prices).map(|price| price.id.uuid());
    Ok(ListVersionsResponse {
        versions: prices.iter().map(Into::into).collect(),
        next_page_token: app.paging.next(METHOD, &args, last),
    })
}
