//! Lists what was refused.

use crate::App;
use crate::store::refused;
use analytics_api::v1::{ListRefusedEventsRequest, ListRefusedEventsResponse};
use contracts::Rpc;
use fault::Fault;

/// A page of the events that were refused, by their first refusal.
pub async fn list_refused_events(
    app: &App,
    request: ListRefusedEventsRequest,
) -> Result<ListRefusedEventsResponse, Fault> {
    let page = app.paging.page(&request)?;
    let after =
        page.positions::<1>()?.map_or(0, |[after]| i64::try_from(after).unwrap_or(i64::MAX));
    let (name, rows) = (ListRefusedEventsRequest::METHOD, page.rows());
    let rows = app.db.read(name, async |tx| refused::list(tx, after, rows).await).await?;
    let (events, next_page_token) =
        page.items(rows, |(_, event)| event.clone(), |(id, _)| id.to_be_bytes());
    Ok(ListRefusedEventsResponse { events, next_page_token })
}
