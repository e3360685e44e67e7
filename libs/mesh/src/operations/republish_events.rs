//! Has events published again.

use super::{Operations, audit, times};
use contracts::Rpc;
use contracts::operations::v1::{RepublishEventsRequest, RepublishEventsResponse};
use convert::timestamp;
use fault::Fault;
use pg::outbox::{self, Events, Place};

/// Hands a page of the outbox to the relay again.
pub(super) async fn republish_events(
    app: &Operations,
    request: RepublishEventsRequest,
) -> Result<RepublishEventsResponse, Fault> {
    let db = app.database(&request.service)?;
    let range = times::range(request.from.as_ref(), request.to.as_ref())?;
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let events = &Events {
        from: range.from(),
        to: range.until(),
        key: given(&request.key),
        subject: given(&request.subject),
    };
    let page = app.paging.page(&request)?;
    let begin = page
        .positions()?
        .map(|[after, losses]| Place { after: after.cast_signed(), losses: losses.cast_signed() });
    let dry_run = request.dry_run;
    let done = db
        .write(RepublishEventsRequest::METHOD, async move |tx| {
            outbox::republish(tx, events, begin, dry_run).await
        })
        .await?;
    if !dry_run {
        audit(db.service(), "had events published again", done.events, events);
    }
    let next = done.next.map(|at| [at.after.cast_unsigned(), at.losses.cast_unsigned()]);
    Ok(RepublishEventsResponse {
        events: done.events,
        oldest_time: done.oldest.map(timestamp),
        newest_time: done.newest.map(timestamp),
        next_page_token: page.next_at(next),
    })
}
