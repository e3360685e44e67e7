//! Decides what a difference is. Pure functions, no I/O.

use contracts::operations::v1 as message;
use contracts::operations::v1::DriftKind;
use std::cmp::Ordering;
use std::collections::HashMap;

/// One aggregate in the list of its owner or of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key: the key of its events.
    pub key: String,
    /// Its version.
    pub version: i64,
    /// SHA-256 of its public message; none where it has been deleted, or where contents are not compared.
    pub digest: Option<Vec<u8>>,
    /// True: it has been deleted.
    pub deleted: bool,
    /// True in the list of an owner: copies cannot have it yet, since an event about it is still to be published.
    pub unpublished: bool,
}

/// One difference between an owner and a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The aggregate.
    pub key: String,
    /// How it differs.
    pub kind: DriftKind,
    /// The owner's entry, if there is one.
    pub owner: Option<Listed>,
    /// The copy's entry, if there is one.
    pub copy: Option<Listed>,
}

impl Drift {
    /// The version that the copy has; 0 where it has none.
    pub fn copy_version(&self) -> i64 {
        self.copy.as_ref().map(|copy| copy.version).unwrap_or_default()
    }

    /// Whether the owner has still to publish an event about it.
    pub(super) fn is_unpublished(&self) -> bool {
        self.owner.as_ref().is_some_and(|owner| owner.unpublished)
    }

    /// The difference as a report shows it.
    pub(super) fn message(&self, projection: &str) -> message::Drift {
        message::Drift {
            projection: projection.to_owned(),
            id: self.key.clone(),
            kind: self.kind.into(),
            owner_version: self.owner.as_ref().map(|owner| owner.version).unwrap_or_default(),
            copy_version: self.copy_version(),
        }
    }
}

/// How one aggregate differs. `keeps_deleted`: see [`super::Projection::keeps_deleted`].
fn kind(owner: Option<&Listed>, copy: Option<&Listed>, keeps_deleted: bool) -> Option<DriftKind> {
    match (owner, copy) {
        (None, None) => None,
        (Some(owner), None) => (keeps_deleted || !owner.deleted).then_some(DriftKind::Missing),
        (None, Some(_)) => Some(DriftKind::Orphan),
        (Some(owner), Some(copy)) => match copy.version.cmp(&owner.version) {
            Ordering::Less => Some(DriftKind::Behind),
            Ordering::Greater => Some(DriftKind::Ahead),
            Ordering::Equal => {
                let same = owner.deleted == copy.deleted && owner.digest == copy.digest;
                (!same).then_some(DriftKind::Content)
            }
        },
    }
}

/// Two lists of the same range of keys, compared.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// Keys that one of them or both have.
    pub keys: i64,
    /// What differs, by key.
    pub drifts: Vec<Drift>,
}

/// Compares two lists, both by key.
pub(super) fn compare(owned: Vec<Listed>, kept: Vec<Listed>, keeps_deleted: bool) -> Compared {
    let mut compared = Compared::default();
    let (mut owned, mut kept) = (owned.into_iter().peekable(), kept.into_iter().peekable());
    loop {
        let next = match (owned.peek(), kept.peek()) {
            (None, None) => return compared,
            (Some(owner), None) => owner.key.clone(),
            (None, Some(copy)) => copy.key.clone(),
            (Some(owner), Some(copy)) => (&owner.key).min(&copy.key).clone(),
        };
        let owner = owned.next_if(|listed| listed.key == next);
        let copy = kept.next_if(|listed| listed.key == next);
        compared.keys += 1;
        if let Some(kind) = kind(owner.as_ref(), copy.as_ref(), keeps_deleted) {
            compared.drifts.push(Drift { key: next, kind, owner, copy });
        }
    }
}

/// Cuts two pages, read from the same key on, to the range that both cover; returns after which key the next ones begin, or none
/// where both lists are at their end. A page that is not full is the last of its list.
pub(super) fn cut(owned: &mut Vec<Listed>, kept: &mut Vec<Listed>, limit: usize) -> Option<String> {
    let full = |page: &[Listed]| page.last().filter(|_| page.len() >= limit).cloned();
    let end = |page: &[Listed]| full(page).map(|last| last.key);
    let bound = [end(owned), end(kept)].into_iter().flatten().min()?;
    for page in [owned, kept] {
        page.truncate(page.partition_point(|listed| listed.key <= bound));
    }
    Some(bound)
}

/// The differences that were found twice with the same state of the copy. A copy that changed in between is still following its owner,
/// and a difference that is gone was an event that had not arrived yet; changes of the owner in between do not matter.
pub(super) fn confirmed(first: Vec<Drift>, second: Vec<Drift>) -> Vec<Drift> {
    let first: HashMap<String, Option<Listed>> =
        first.into_iter().map(|drift| (drift.key, drift.copy)).collect();
    second.into_iter().filter(|drift| first.get(&drift.key) == Some(&drift.copy)).collect()
}

/// The label for a kind in metrics and logs.
pub(super) fn label(kind: DriftKind) -> &'static str {
    match kind {
        DriftKind::Unspecified => "unspecified",
        DriftKind::Missing => "missing",
        DriftKind::Orphan => "orphan",
        DriftKind::Behind => "behind",
        DriftKind::Ahead => "ahead",
        DriftKind::Content => "content",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Id, version, content; content 0: deleted.
    type Row = (u128, i64, u8);

    fn key(id: u128) -> String {
        format!("{id:03}")
    }

    fn listed(&(id, version, content): &Row) -> Listed {
        let deleted = content == 0;
        let digest = (!deleted).then(|| vec![content]);
        Listed { key: key(id), version, digest, deleted, unpublished: false }
    }

    fn list(rows: &[Row]) -> Vec<Listed> {
        let sorted: BTreeMap<u128, Listed> = rows.iter().map(|row| (row.0, listed(row))).collect();
        sorted.into_values().collect()
    }

    fn kinds(owner: &[Row], copy: &[Row], keeps_deleted: bool) -> Vec<(u128, DriftKind)> {
        let compared = compare(list(owner), list(copy), keeps_deleted);
        compared.drifts.iter().map(|drift| (drift.key.parse().unwrap(), drift.kind)).collect()
    }

    #[test]
    fn each_way_to_differ_is_named() {
        let owner = [(1, 1, 1), (2, 2, 1), (3, 1, 1), (4, 2, 0), (6, 1, 1), (7, 1, 1), (8, 3, 0)];
        let copy = [(1, 1, 9), (2, 1, 1), (5, 1, 1), (6, 1, 1), (7, 2, 1), (8, 3, 1)];
        let expected = [
            (1, DriftKind::Content),
            (2, DriftKind::Behind),
            (3, DriftKind::Missing),
            (5, DriftKind::Orphan),
            (7, DriftKind::Ahead),
            (8, DriftKind::Content),
        ];
        assert_eq!(kinds(&owner, &copy, false), expected);
        assert!(kinds(&owner, &copy, true).contains(&(4, DriftKind::Missing)));
    }

    #[test]
    fn a_change_on_its_way_is_no_drift() {
        let look = |owner: &[Row], copy: &[Row]| compare(list(owner), list(copy), false).drifts;
        let behind = look(&[(1, 2, 1)], &[(1, 1, 1)]);
        assert_eq!(confirmed(behind.clone(), look(&[(1, 2, 1)], &[(1, 2, 1)])), []);
        // Behind again, but by another change: the copy follows.
        assert_eq!(confirmed(behind.clone(), look(&[(1, 3, 1)], &[(1, 2, 1)])), []);
        // The copy stands still while its owner goes on.
        let stuck = look(&[(1, 3, 1)], &[(1, 1, 1)]);
        assert_eq!(confirmed(behind, stuck.clone()), stuck);
    }

    /// Every page of two lists, compared one after the other, and the pages that it took.
    fn walk(owner: &[Listed], copy: &[Listed], limit: usize, keeps: bool) -> (i64, Vec<Drift>) {
        let (mut ids, mut drifts, mut after) = (0, Vec::new(), None);
        loop {
            let page = |list: &[Listed]| -> Vec<Listed> {
                let above = list.iter().filter(|listed| Some(&listed.key) > after.as_ref());
                above.take(limit).cloned().collect()
            };
            let (mut owned, mut kept) = (page(owner), page(copy));
            let next = cut(&mut owned, &mut kept, limit);
            assert!(next.is_none() || next > after, "every page goes on");
            let compared = compare(owned, kept, keeps);
            ids += compared.keys;
            drifts.extend(compared.drifts);
            after = next;
            if after.is_none() {
                return (ids, drifts);
            }
        }
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        proptest::collection::vec((1u128..30, 1i64..3, 0u8..3), 0..30)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..Default::default() })]
        #[test]
        fn page_by_page_is_the_same_as_at_once(
            owner in rows(), copy in rows(), limit in 1usize..8, keeps in any::<bool>(),
        ) {
            let (owner, copy) = (list(&owner), list(&copy));
            let whole = compare(owner.clone(), copy.clone(), keeps);
            // The same by another way: each id looked up in both.
            let mut expected = Vec::new();
            for id in (1..30).map(key) {
                let of = |list: &[Listed]| list.iter().find(|listed| listed.key == id).cloned();
                let (owner, copy) = (of(&owner), of(&copy));
                if let Some(kind) = kind(owner.as_ref(), copy.as_ref(), keeps) {
                    expected.push(Drift { key: id, kind, owner, copy });
                }
            }
            prop_assert_eq!(&whole.drifts, &expected);
            prop_assert_eq!(walk(&owner, &copy, limit, keeps), (whole.keys, expected));
        }
    }
}
