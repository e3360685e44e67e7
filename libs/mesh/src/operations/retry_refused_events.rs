//! Has refused events tried again.

use super::{Operations, audit, refused_events};
use contracts::operations::v1::{RetryRefusedEventsRequest, RetryRefusedEventsResponse};
use fault::Fault;
use pg::outbox::refused;

const METHOD: &str = "/souk.operations.v1.OperationsService/RetryRefusedEvents";

/// Makes a page of refused events due.
pub(super) async fn retry_refused_events(
    app: &Operations,
    mut request: RetryRefusedEventsRequest,
) -> Result<RetryRefusedEventsResponse, Fault> {
    let token = std::mem::take(&mut request.page_token);
    let db = app.database(&request.service)?;
    let which = &refused_events::which(request.filter.as_ref())?;
    let [after] = app.paging.places(METHOD, &request, &token)?.unwrap_or_default();
    let dry_run = request.dry_run;
    let due = db
        .write("operations.retry_refused_events", async move |tx| {
            refused::retry(tx, which, after.cast_signed(), dry_run).await
        })
        .await?;
    if !dry_run {
        audit(db.service(), "had refused events tried again", due.events, which);
    }
    let next = due.next.map(|after| [after.cast_unsigned()]);
    let next_page_token = app.paging.next_places(METHOD, &request, next);
    Ok(RetryRefusedEventsResponse { events: due.events, next_page_token })
}
