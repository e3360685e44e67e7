//! Removes dead letters for good.

use super::{Operations, audit, times};
use bus::dead;
use contracts::operations::v1::{DiscardDeadLettersRequest, DiscardDeadLettersResponse, Reason};
use fault::Fault;

/// Most dead letters that one call removes.
const MAX_DISCARDED: usize = 500;

/// Removes the dead letters of a page one by one. A call that fails has removed some of them; the next one finds the rest.
pub(super) async fn discard_dead_letters(
    app: &Operations,
    request: DiscardDeadLettersRequest,
) -> Result<DiscardDeadLettersResponse, Fault> {
    let service = app.database(&request.service)?.service();
    let filter = request.filter.clone().unwrap_or_default();
    if dead::is_empty(&filter) && !request.all {
        let message = "has no condition, so every dead letter would go; say so with `all`";
        return Err(Fault::field(Reason::FilterEmpty, "filter", message));
    }
    times::check(&filter)?;
    let page = app.paging.page(&request)?;
    let [after] = page.positions()?.unwrap_or_default();
    let found = dead::page(&app.bus, service, &filter, after, MAX_DISCARDED).await?;
    let mut discarded: i64 = 0;
    let mut result = Ok(());
    for dead_letter in &found.dead_letters {
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
    let next_page_token = page.next_at(found.next.map(|at| [at]));
    Ok(DiscardDeadLettersResponse { discarded, next_page_token })
}
