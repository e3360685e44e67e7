//! Reads an owner's list and a copy's side by side.

use super::Projection;
use super::compare::{Compared, Drift, compare, cut};
use fault::{Fault, Kind};
use std::time::Duration;
use uuid::Uuid;

/// Rows of each list that are read at once.
const PAGE: usize = 1_000;
/// The same where single ids are looked for, which may stand far apart.
const FEW: usize = 100;
/// How often a page is tried: a run over many pages should not end because a neighbour restarts.
const ATTEMPTS: u32 = 6;

/// The next page after an id: what both lists say of its range, and after which id the next one begins.
pub(super) async fn page<P: Projection>(
    projection: &P,
    after: Option<Uuid>,
) -> Result<(Compared, Option<Uuid>), Fault> {
    page_of(projection, after, PAGE).await
}

/// What differs of these ids, which come in their order.
pub(super) async fn again<P: Projection>(
    projection: &P,
    ids: &[Uuid],
) -> Result<Vec<Drift>, Fault> {
    let mut drifts = Vec::new();
    let mut rest = ids;
    while let Some(first) = rest.first() {
        let (compared, next) = page_of(projection, before(*first), FEW).await?;
        let covered = next.map_or(rest.len(), |next| rest.partition_point(|id| *id <= next));
        let (now, later) = rest.split_at(covered);
        let wanted = |drift: &Drift| now.binary_search(&drift.id).is_ok();
        drifts.extend(compared.drifts.into_iter().filter(wanted));
        rest = later;
    }
    Ok(drifts)
}

async fn page_of<P: Projection>(
    projection: &P,
    after: Option<Uuid>,
    limit: usize,
) -> Result<(Compared, Option<Uuid>), Fault> {
    let mut attempt = 1;
    loop {
        match try_page(projection, after, limit).await {
            Err(fault) if passes(&fault) && attempt < ATTEMPTS => {
                tokio::time::sleep(Duration::from_millis(250 << attempt)).await;
                attempt += 1;
            }
            result => return result,
        }
    }
}

async fn try_page<P: Projection>(
    projection: &P,
    after: Option<Uuid>,
    limit: usize,
) -> Result<(Compared, Option<Uuid>), Fault> {
    let rows = i64::try_from(limit).unwrap_or(i64::MAX);
    // The owner first: what is on its way then makes the copy the newer one, and not an orphan of what it has just created.
    let mut owned = projection.owned(after, rows).await?;
    let mut kept = projection.kept(after, rows).await?;
    let next = cut(&mut owned, &mut kept, limit);
    Ok((compare(owned, kept, projection.keeps_deleted()), next))
}

fn passes(fault: &Fault) -> bool {
    matches!(fault.kind(), Kind::Unavailable | Kind::TimedOut | Kind::Exhausted)
}

/// The id before an id, so that a page after it begins with it.
fn before(id: Uuid) -> Option<Uuid> {
    id.as_u128().checked_sub(1).map(Uuid::from_u128)
}
