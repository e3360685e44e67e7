//! Lists the events of a day.

use crate::store::events;
use crate::{App, wire};
use analytics_api::v1::{ListEventsRequest, ListEventsResponse, RecordedEvent};
use contracts::Rpc;
use convert::{read, timestamp};
use fault::Fault;
use kernel::id::Id;

/// A page of the events of a day, by their ids.
pub async fn list_events(
    app: &App,
    request: ListEventsRequest,
) -> Result<ListEventsResponse, Fault> {
    let page = app.paging.page(&request)?;
    let day = read(|fields| wire::day(fields, &request.day))?;
    app.horizon().await?.require(day)?;
    let after: Id<RecordedEvent> = page.after()?;
    let (after, rows) = (after.uuid(), page.rows());
    let name = ListEventsRequest::METHOD;
    let rows = app.db.read(name, async |tx| events::list(tx, day, after, rows).await).await?;
    let (events, next_page_token) = page.items(
        rows,
        |(event, at)| RecordedEvent {
            event: Some(event.into()),
            received_at: Some(timestamp(*at)),
        },
        |(event, _)| event.id.into_bytes(),
    );
    Ok(ListEventsResponse { events, next_page_token })
}
