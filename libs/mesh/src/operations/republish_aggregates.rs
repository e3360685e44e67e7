//! Publishes aggregates again as they are.

use super::{Operations, audit};
use contracts::operations::v1::{Reason, RepublishAggregatesRequest, RepublishAggregatesResponse};
use fault::{Common, Fault};
use std::collections::BTreeSet;

/// Aggregates that one call publishes where the request names none: one transaction locks them and inserts all their events.
const BATCH_SIZE: i64 = 500;

/// Publishes the named aggregates, or the next ones of all.
pub(super) async fn republish_aggregates(
    app: &Operations,
    request: RepublishAggregatesRequest,
) -> Result<RepublishAggregatesResponse, Fault> {
    let owner = app.owner(&request.service)?;
    let aggregates = owner.aggregates(&request.family)?;
    let page = app.paging.page(&request)?;
    match (request.keys.is_empty(), request.all) {
        (true, false) => {
            let message = "names no aggregate; say with `all` that every one is meant";
            return Err(Fault::field(Reason::FilterEmpty, "keys", message));
        }
        (false, true) => {
            let message = "is not taken together with keys";
            return Err(Fault::field(Common::InvalidField, "all", message));
        }
        _ => {}
    }
    let start = page.cursor().map(String::from_utf8_lossy).unwrap_or_default();
    let (start, next, request) = (&*start, &page, &request);
    let answer = owner
        .db
        .write_once(request, async move |tx| {
            let (mut response, keys) = match request.all {
                true => {
                    let mut keys = aggregates.keys(tx, start, BATCH_SIZE + 1).await?;
                    let more = keys.len() > usize::try_from(BATCH_SIZE).unwrap_or(usize::MAX);
                    keys.truncate(BATCH_SIZE.try_into().unwrap_or(usize::MAX));
                    let last = keys.last().filter(|_| more);
                    let next_page_token = last.map(|key| next.token(key.as_bytes()));
                    let next_page_token = next_page_token.unwrap_or_default();
                    (RepublishAggregatesResponse { next_page_token, ..Default::default() }, keys)
                }
                false => (RepublishAggregatesResponse::default(), request.keys.clone()),
            };
            if request.dry_run {
                tx.savepoint().await?;
            }
            let published = aggregates.republish(tx, &keys).await?;
            if request.dry_run {
                tx.rollback_to_savepoint().await?;
            }
            response.published = i32::try_from(published.len()).unwrap_or(i32::MAX);
            if !request.all {
                let wanted = BTreeSet::from_iter(keys);
                response.unknown_keys = wanted.difference(&published).cloned().collect();
            }
            Ok(response)
        })
        .await?;
    if !request.dry_run {
        let count = answer.published.into();
        audit(owner.db.service(), "had aggregates published again", count, &request.family);
    }
    Ok(answer)
}
