//! What happened on a day, as `RecordedEvent`.

use super::Writer;
use crate::load::caller::{Caller, call};
use crate::load::pages::{PAGE_SIZE, with_retries};
use crate::load::progress::Progress;
use analytics_api::v1::ListEventsRequest;
use anyhow::Result;

/// Writes all events of a day, by their ids. Those that come during the export may be missing.
pub async fn export(
    caller: &Caller,
    day: &str,
    out: &mut Writer,
    progress: &mut Progress,
) -> Result<()> {
    let mut request =
        ListEventsRequest { page_size: PAGE_SIZE, day: day.to_owned(), ..Default::default() };
    loop {
        let list = async || caller.analytics.clone().list_events(call(request.clone())).await;
        let page = with_retries("list events", list).await?;
        for event in &page.events {
            out.write(event)?;
            progress.add(1);
        }
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(());
        }
    }
}
