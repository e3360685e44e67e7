//! Reads an owner's list and a copy's side by side.

use super::compare::{Compared, Drift, compare, cut};
use super::projection::Projection;
use fault::{Fault, Kind};
use std::collections::BTreeSet;
use std::time::Duration;
use uuid::Uuid;

/// Rows that are read of each list at a time.
const PAGE_SIZE: usize = 1_000;
/// The same where single keys are looked up, since few rows between them are of use.
const KEY_LOOKUP_PAGE_SIZE: usize = 100;
/// How often a page is tried: a run over many pages should not fail because the owner restarts.
const MAX_ATTEMPTS: u32 = 6;

/// Compares the next page after a key; returns the differences and after which key the next page begins.
pub(super) async fn page<P: Projection>(
    projection: &P,
    after: &str,
) -> Result<(Compared, Option<String>), Fault> {
    page_of(projection, after, PAGE_SIZE).await
}

/// Compares these keys, which must be sorted, and returns those that differ.
pub(super) async fn again<P: Projection>(
    projection: &P,
    keys: &[String],
) -> Result<Vec<Drift>, Fault> {
    let mut drifts = Vec::new();
    let mut rest = keys;
    while let Some(first) = rest.first() {
        let (compared, next) = page_of(projection, &before(first), KEY_LOOKUP_PAGE_SIZE).await?;
        let covered = next.map_or(rest.len(), |next| rest.partition_point(|key| *key <= next));
        let (now, later) = rest.split_at(covered);
        let wanted = |drift: &Drift| now.binary_search(&drift.key).is_ok();
        drifts.extend(compared.drifts.into_iter().filter(wanted));
        rest = later;
    }
    Ok(drifts)
}

async fn page_of<P: Projection>(
    projection: &P,
    after: &str,
    limit: usize,
) -> Result<(Compared, Option<String>), Fault> {
    let mut attempt = 1;
    loop {
        match try_page(projection, after, limit).await {
            Ok(page) => return Ok(page),
            Err(fault) => wait_to_retry(fault, attempt).await?,
        }
        attempt += 1;
    }
}

/// Which of these aggregates the copy is late with.
pub(super) async fn late<P: Projection>(
    projection: &P,
    keys: &BTreeSet<String>,
) -> Result<BTreeSet<String>, Fault> {
    let mut attempt = 1;
    loop {
        match projection.late(keys).await {
            Ok(late) => return Ok(late),
            Err(fault) => wait_to_retry(fault, attempt).await?,
        }
        attempt += 1;
    }
}

/// Waits after a failure, unless it will not go away.
async fn wait_to_retry(fault: Fault, attempt: u32) -> Result<(), Fault> {
    if !is_transient(&fault) || attempt >= MAX_ATTEMPTS {
        return Err(fault);
    }
    tokio::time::sleep(Duration::from_millis(250 << attempt)).await;
    Ok(())
}

async fn try_page<P: Projection>(
    projection: &P,
    after: &str,
    limit: usize,
) -> Result<(Compared, Option<String>), Fault> {
    let rows = i64::try_from(limit).unwrap_or(i64::MAX);
    // The owner is read first: an event that arrives between the two reads can make the copy look ahead of its owner or orphaned, which
    // the second comparison dismisses, because by then the owner has that version too.
    let mut owned = projection.list_owned(after, rows).await?;
    let mut kept = projection.list_copied(after, rows).await?;
    let next = cut(&mut owned, &mut kept, limit);
    Ok((compare(owned, kept, projection.keeps_deleted()), next))
}

fn is_transient(fault: &Fault) -> bool {
    matches!(fault.kind(), Kind::Unavailable | Kind::TimedOut | Kind::Exhausted)
}

/// A key that sorts before `key`, so that the page after it contains `key`: for UUIDs the immediate predecessor, else a string with
/// few possible keys between the two.
fn before(key: &str) -> String {
    if let Ok(id) = Uuid::try_parse(key) {
        let before = id.as_u128().checked_sub(1).map(Uuid::from_u128);
        return before.map(|id| id.to_string()).unwrap_or_default();
    }
    let mut before = key.to_owned();
    if let Some(last) = before.pop().and_then(|last| ('\0'..last).next_back()) {
        before.extend([last, char::MAX]);
    }
    before
}

#[cfg(test)]
mod tests {
    use super::before;

    #[test]
    fn a_page_that_begins_after_the_key_before_has_the_key() {
        let id = "00000000-0000-0000-0000-000000000100";
        assert_eq!(before(id), "00000000-0000-0000-0000-0000000000ff");
        assert_eq!(before("00000000-0000-0000-0000-000000000000"), "");
        for key in ["a", "A-1", "sku@w1", "é", "\u{e000}"] {
            let before = before(key);
            assert!(before.as_str() < key, "{key}");
            let all_but_last = key.chars().count() - 1;
            let shared: String = key.chars().take(all_but_last).collect();
            assert!(before > shared, "{key}");
        }
    }
}
