//! How copies differ from what they are copies of.

use contracts::search::v1::{Drift, DriftKind};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A version of something, with a digest of its content. A deleted thing has no digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The version.
    pub version: i64,
    /// SHA-256 of its public message; none: it has been deleted, or contents are not compared.
    pub digest: Option<Vec<u8>>,
    /// True: it has been deleted.
    pub deleted: bool,
}

/// Versions by id.
pub type Versions = BTreeMap<Uuid, Version>;

/// Every difference between an owner's list and the copy's.
pub fn differences(type_name: &str, owner: &Versions, copy: &Versions) -> Vec<Drift> {
    let mut found = Vec::new();
    let mut note = |id: &Uuid, kind: DriftKind, owner: Option<&Version>, copy: Option<&Version>| {
        found.push(Drift {
            r#type: type_name.to_owned(),
            id: id.to_string(),
            kind: kind.into(),
            owner_version: owner.map(|v| v.version).unwrap_or_default(),
            search_version: copy.map(|v| v.version).unwrap_or_default(),
        });
    };
    for (id, theirs) in owner {
        match copy.get(id) {
            // What was deleted before the copy ever heard of it is no loss.
            None if theirs.deleted => {}
            None => note(id, DriftKind::Missing, Some(theirs), None),
            Some(ours) if ours.version != theirs.version => {
                note(id, DriftKind::Version, Some(theirs), Some(ours));
            }
            Some(ours) if ours.deleted != theirs.deleted || ours.digest != theirs.digest => {
                note(id, DriftKind::Content, Some(theirs), Some(ours));
            }
            Some(_) => {}
        }
    }
    for (id, ours) in copy {
        if !owner.contains_key(id) {
            note(id, DriftKind::Orphan, None, Some(ours));
        }
    }
    found
}

/// What was found twice: a difference that is gone the second time was a change on its way.
pub fn confirmed(first: Vec<Drift>, second: &[Drift]) -> Vec<Drift> {
    first.into_iter().filter(|drift| second.contains(drift)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(versions: &[(u128, i64, u8, bool)]) -> Versions {
        let version = |&(id, version, content, deleted): &(u128, i64, u8, bool)| {
            let digest = (!deleted).then(|| vec![content]);
            (Uuid::from_u128(id), Version { version, digest, deleted })
        };
        versions.iter().map(version).collect()
    }

    #[test]
    fn each_way_to_differ_is_named() {
        let owner = list(&[
            (1, 1, 1, false),
            (2, 2, 1, false),
            (3, 1, 1, false),
            (4, 2, 0, true),
            (6, 1, 1, false),
        ]);
        let copy = list(&[(1, 1, 9, false), (2, 1, 1, false), (5, 1, 1, false), (6, 1, 1, false)]);
        let kinds: Vec<(u128, DriftKind)> = differences("price", &owner, &copy)
            .iter()
            .map(|drift| (drift.id.parse::<Uuid>().unwrap().as_u128(), drift.kind()))
            .collect();
        assert_eq!(
            kinds,
            [
                (1, DriftKind::Content),
                (2, DriftKind::Version),
                (3, DriftKind::Missing),
                (5, DriftKind::Orphan)
            ]
        );
    }

    #[test]
    fn a_change_on_its_way_is_no_drift() {
        let owner = list(&[(1, 2, 1, false)]);
        let first = differences("price", &owner, &list(&[(1, 1, 1, false)]));
        assert_eq!(first.len(), 1);
        assert_eq!(confirmed(first, &differences("price", &owner, &owner)), []);
    }
}
