//! Has refused events tried again.

use super::{Operations, audit, refused_events};
use contracts::Rpc;
use contracts::operations::v1::{RetryRefusedEventsRequest, RetryRefusedEventsResponse};
use fault::Fault;
use pg::outbox::refused;

/// Makes a page of refused events due.
pub(super) async fn retry_refused_events(
    app: &Operations,
    request: RetryRefusedEventsRequest,
) -> Result<RetryRefusedEventsResponse, Fault> {
    let db = app.database(&request.service)?;
    let which = &refused_events::which(request.filter.as_ref())?;
    let page = app.paging.page(&request)?;
    let [after] = page.positions()?.unwrap_or_default();
    let dry_run = request.dry_run;
    let due = db
        .write(RetryRefusedEventsRequest::METHOD, async move |tx| {
            refused::retry(tx, which, after.cast_signed(), dry_run).await
        })
        .await?;
    if !dry_run {
        audit(db.service(), "had refused events tried again", due.events, which);
    }
    let next_page_token = page.next_at(due.next.map(|after| [after.cast_unsigned()]));
    Ok(RetryRefusedEventsResponse { events: due.events, next_page_token })
}
