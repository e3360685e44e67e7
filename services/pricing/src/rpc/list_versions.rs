//! Lists the versions of all prices, for projections to compare themselves with.

use crate::store::prices;
use crate::{App, page};
use contracts::pricing::v1::{ListVersionsRequest, ListVersionsResponse};
use fault::Fault;

const METHOD: &str = "pricing.list_versions";

/// Rows where the caller does not say how many.
const DEFAULT: usize = 20;
/// Most rows: they are small, and a comparison reads all of them.
const MOST: usize = 5_000;

/// A page of versions, deleted prices included.
pub async fn list_versions(
    app: &App,
    request: ListVersionsRequest,
) -> Result<ListVersionsResponse, Fault> {
    let size = size(request.page_size);
    let args = ListVersionsRequest::default();
    let after = page::open(&app.paging, METHOD, &args, &request.page_token)?;
    let mut prices = app
        .db
        .read(METHOD, async |tx| prices::list_with_deleted(tx, after, page::rows(size)).await)
        .await?;
    let last = page::cut(&mut prices, size).map(|price| price.id.uuid());
    Ok(ListVersionsResponse {
        versions: prices.iter().map(Into::into).collect(),
        next_page_token: page::seal(&app.paging, METHOD, &args, last),
    })
}

/// The contract refuses negative numbers.
fn size(requested: i32) -> usize {
    match usize::try_from(requested) {
        Ok(0) | Err(_) => DEFAULT,
        Ok(rows) => rows.min(MOST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_the_default_and_too_many_are_the_most() {
        assert_eq!([0, 1, 5_000, 5_001].map(size), [20, 1, 5_000, 5_000]);
    }
}
