//! Lists the events of one service that the broker refuses.

use super::{Operations, refused_events};
use contracts::Rpc;
use contracts::operations::v1::{ListRefusedEventsRequest, ListRefusedEventsResponse};
use fault::Fault;
use pg::outbox::refused;

/// A page of refused events, oldest first.
pub(super) async fn list_refused_events(
    app: &Operations,
    request: ListRefusedEventsRequest,
) -> Result<ListRefusedEventsResponse, Fault> {
    let db = app.database(&request.service)?;
    let which = &refused_events::which(request.filter.as_ref())?;
    let page = app.paging.page(&request)?;
    let ([after], rows) = (page.positions()?.unwrap_or_default(), page.rows());
    let events = db
        .read(ListRefusedEventsRequest::METHOD, async move |tx| {
            refused::list(tx, which, after.cast_signed(), rows).await
        })
        .await?;
    let (events, next_page_token) = page
        .items(events, refused_events::message, |event| event.seq.cast_unsigned().to_be_bytes());
    Ok(ListRefusedEventsResponse { events, next_page_token })
}
