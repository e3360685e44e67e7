//! Has events published again.

use super::{Operations, audit, times};
use contracts::operations::v1::{RepublishEventsRequest, RepublishEventsResponse};
use fault::Fault;
use pg::outbox::{self, Events, Place};

const METHOD: &str = "/souk.operations.v1.OperationsService/RepublishEvents";

/// Hands a page of the outbox to the relay again.
pub(super) async fn republish_events(
    app: &Operations,
    mut request: RepublishEventsRequest,
) -> Result<RepublishEventsResponse, Fault> {
    let token = std::mem::take(&mut request.page_token);
    let db = app.database(&request.service)?;
    let times::Range { from, to } = times::range(request.from.as_ref(), request.to.as_ref())?;
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let events = &Events { from, to, key: given(&request.key), subject: given(&request.subject) };
    let begin = app.paging.places(METHOD, &request, &token)?;
    let begin = begin
        .map(|[after, losses]| Place { after: after.cast_signed(), losses: losses.cast_signed() });
    let dry_run = request.dry_run;
    let page = db
        .write("operations.republish_events", async move |tx| {
            outbox::republish(tx, events, begin, dry_run).await
        })
        .await?;
    if !dry_run {
        audit(db.service(), "had events published again", page.events, events);
    }
    let next = page.next.map(|at| [at.after.cast_unsigned(), at.losses.cast_unsigned()]);
    Ok(RepublishEventsResponse {
        events: page.events,
        oldest_time: page.oldest.map(times::timestamp),
        newest_time: page.newest.map(times::timestamp),
        next_page_token: app.paging.next_places(METHOD, &request, next),
    })
}
