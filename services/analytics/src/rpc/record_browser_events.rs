//! Takes events of browsers, whose key is public.

use crate::App;
use crate::domain::event::Source;
use crate::intake::take;
use analytics_api::v1::{RecordBrowserEventsRequest, RecordBrowserEventsResponse};
use contracts::Rpc;
use fault::Fault;

/// Counts the events that are good and new, and that browsers may tell of.
pub async fn record_browser_events(
    app: &App,
    request: RecordBrowserEventsRequest,
) -> Result<RecordBrowserEventsResponse, Fault> {
    let name = RecordBrowserEventsRequest::METHOD;
    let taken = take(app, name, &request.events, Source::Browser).await?;
    Ok(RecordBrowserEventsResponse {
        accepted: taken.accepted,
        duplicates: taken.duplicates,
        refused: taken.refused,
        results: taken.results,
    })
}
