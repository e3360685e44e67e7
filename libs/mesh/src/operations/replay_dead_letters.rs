//! Asks for dead letters to be tried again.

use super::{Operations, audit, times};
use bus::dead;
use contracts::operations::v1::{ReplayDeadLettersRequest, ReplayDeadLettersResponse, ReplayOrder};
use fault::Fault;

/// Letters in a second where the caller does not say.
const USUAL: i32 = 50;

/// Letters that a dry run looks at.
const COUNTED: usize = 20_000;

/// What happens when a replay is asked for: a row that a process of the service takes up, with the newest letter that there
/// is now.
pub(super) async fn replay_dead_letters(
    app: &Operations,
    request: ReplayDeadLettersRequest,
) -> Result<ReplayDeadLettersResponse, Fault> {
    let db = app.database(&request.service)?;
    let service = db.service();
    let filter = request.filter.clone().unwrap_or_default();
    times::check(&filter)?;
    if request.dry_run {
        let (found, all) =
            dead::count_matching(&app.bus, service, &filter, u64::MAX, COUNTED).await?;
        let matching = i64::try_from(found).unwrap_or(i64::MAX);
        return Ok(ReplayDeadLettersResponse { operation: None, matching, more: !all });
    }
    let last = dead::last(&app.bus, service).await?;
    let order = ReplayOrder {
        filter: Some(filter),
        per_second: if request.per_second == 0 { USUAL } else { request.per_second },
        last: i64::try_from(last).unwrap_or(i64::MAX),
        ..ReplayOrder::default()
    };
    let order = &order;
    let answer = db
        .write_once(&request, async move |tx| {
            let operation = dead::request_replay(tx, order).await?.message(service);
            Ok(ReplayDeadLettersResponse { operation: Some(operation), ..Default::default() })
        })
        .await?;
    audit(service, "asked for a replay of dead letters", 1, order);
    Ok(answer)
}
