//! Requests a replay of dead letters.

use super::{Operations, audit, times};
use bus::dead;
use contracts::operations::v1::{ReplayDeadLettersRequest, ReplayDeadLettersResponse, ReplayOrder};
use fault::Fault;

/// Dead letters per second where the request does not limit them.
const DEFAULT_PER_SECOND: i32 = 50;

/// Most dead letters that a dry run reads.
const MAX_COUNTED: usize = 20_000;

/// Starts a replay as an operation, a row that any process of the service takes up. It ends at the newest dead letter that exists now,
/// so it does not replay what its own failures add.
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
            dead::count_matching(&app.bus, service, &filter, u64::MAX, MAX_COUNTED).await?;
        let matching = i64::try_from(found).unwrap_or(i64::MAX);
        return Ok(ReplayDeadLettersResponse { operation: None, matching, more: !all });
    }
    let last = dead::last(&app.bus, service).await?;
    let order = ReplayOrder {
        filter: Some(filter),
        per_second: if request.per_second == 0 { DEFAULT_PER_SECOND } else { request.per_second },
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
