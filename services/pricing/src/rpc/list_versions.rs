//! Lists the versions of all prices, for projections to compare themselves with.

use crate::App;
use crate::store::prices;
use contracts::pricing::v1::{ListVersionsRequest, ListVersionsResponse};
use fault::{Common, Fault};
use mesh::Paging;
use uuid::Uuid;

const METHOD: &str = "pricing.list_versions";

/// Most rows: they are small, and a comparison reads all of them.
const MOST: u16 = 5_000;

/// A page of versions, deleted prices included.
pub async fn list_versions(
    app: &App,
    request: ListVersionsRequest,
) -> Result<ListVersionsResponse, Fault> {
    let size = Paging::size_up_to(request.page_size, MOST)?;
    let start_after = request.start_after.clone();
    let args = ListVersionsRequest { start_after, ..ListVersionsRequest::default() };
    let after = match app.paging.after(METHOD, &args, &request.page_token)? {
        Some(after) => Some(after),
        None if request.start_after.is_empty() => None,
        None => Some(uuid(&request.start_after)?),
    };
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

fn uuid(text: &str) -> Result<Uuid, Fault> {
    Uuid::parse_str(text)
        .map_err(|error| Fault::field(Common::InvalidField, "start_after", error.to_string()))
}
