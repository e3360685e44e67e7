//! Takes events of services.

use crate::App;
use crate::domain::event::Source;
use crate::intake::take;
use analytics_api::v1::{RecordEventsRequest, RecordEventsResponse};
use contracts::Rpc;
use fault::Fault;

/// Counts the events that are good and new.
pub async fn record_events(
    app: &App,
    request: RecordEventsRequest,
) -> Result<RecordEventsResponse, Fault> {
    let taken = take(app, RecordEventsRequest::METHOD, &request.events, Source::Service).await?;
    Ok(RecordEventsResponse {
        accepted: taken.accepted,
        duplicates: taken.duplicates,
        refused: taken.refused,
        results: taken.results,
    })
}
