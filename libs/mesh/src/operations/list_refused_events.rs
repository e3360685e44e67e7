//! Lists the events of one service that the broker refuses.

use super::{Operations, refused_events};
use crate::Paging;
use contracts::operations::v1::{ListRefusedEventsRequest, ListRefusedEventsResponse};
use fault::Fault;
use pg::outbox::refused;

const METHOD: &str = "/souk.operations.v1.OperationsService/ListRefusedEvents";

/// A page of refused events, oldest first.
pub(super) async fn list_refused_events(
    app: &Operations,
    mut request: ListRefusedEventsRequest,
) -> Result<ListRefusedEventsResponse, Fault> {
    let token = std::mem::take(&mut request.page_token);
    let size = Paging::size(std::mem::take(&mut request.page_size))?;
    let db = app.database(&request.service)?;
    let which = &refused_events::which(request.filter.as_ref())?;
    let [after] = app.paging.places(METHOD, &request, &token)?.unwrap_or_default();
    let mut page = db
        .read("operations.list_refused_events", async move |tx| {
            refused::list(tx, which, after.cast_signed(), size.rows()).await
        })
        .await?;
    let next = size.cut(&mut page).map(|event| [event.seq.cast_unsigned()]);
    let next_page_token = app.paging.next_places(METHOD, &request, next);
    let events = page.into_iter().map(refused_events::message).collect();
    Ok(ListRefusedEventsResponse { events, next_page_token })
}
