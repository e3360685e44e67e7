//! Removes dead letters for good.

use super::{Operations, audit, times};
use bus::dead;
use contracts::operations::v1::{DiscardDeadLettersRequest, DiscardDeadLettersResponse, Reason};
use fault::Fault;

const METHOD: &str = "/souk.operations.v1.OperationsService/DiscardDeadLetters";

/// Letters that one call removes.
const MOST: usize = 500;

/// Removes the letters of a page one by one. What was removed when a call fails is gone; the next one finds the rest.
pub(super) async fn discard_dead_letters(
    app: &Operations,
    mut request: DiscardDeadLettersRequest,
) -> Result<DiscardDeadLettersResponse, Fault> {
    let token = std::mem::take(&mut request.page_token);
    let service = app.database(&request.service)?.service();
    let filter = request.filter.clone().unwrap_or_default();
    if dead::is_empty(&filter) && !request.all {
        let message = "has no condition, so every dead letter would go; say so with `all`";
        return Err(Fault::field(Reason::FilterEmpty, "filter", message));
    }
    times::check(&filter)?;
    let [after] = app.paging.places(METHOD, &request, &token)?.unwrap_or_default();
    let page = dead::page(&app.bus, service, &filter, after, MOST).await?;
    let mut discarded: i64 = 0;
    let mut result = Ok(());
    for dead_letter in &page.dead_letters {
        if !request.dry_run {
            result = dead::discard(&app.bus, dead_letter).await;
        }
        if result.is_err() {
            break;
        }
        discarded += 1;
        if !request.dry_run {
            metrics::counter!("dead_letters_discarded_total", "consumer" => dead_letter.consumer.clone())
                .increment(1);
        }
    }
    if !request.dry_run {
        audit(service, "discarded dead letters", discarded, &filter);
    }
    result?;
    let next_page_token = app.paging.next_places(METHOD, &request, page.next.map(|at| [at]));
    Ok(DiscardDeadLettersResponse { discarded, next_page_token })
}
