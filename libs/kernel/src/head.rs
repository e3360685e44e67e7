//! The head of an aggregate: id, version and timestamps; and the kind of a change to it.

use crate::id::Id;
use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel::{Queryable, QueryableByName};
use thiserror::Error;

/// The head of an aggregate. Every change increments the version, a deletion too. The row of a deleted aggregate is kept, so that a
/// late event cannot bring it back, and a restored aggregate continues with the next version.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, QueryableByName)]
pub struct Head<A> {
    /// UUIDv7.
    #[diesel(sql_type = SqlUuid)]
    pub id: Id<A>,
    /// Starts at 1.
    #[diesel(sql_type = BigInt)]
    pub version: i64,
    /// When it was created.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    #[diesel(sql_type = Timestamptz)]
    pub updated_at: DateTime<Utc>,
    /// When it was deleted, if it is.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub deleted_at: Option<DateTime<Utc>>,
}

/// The kind of a change. The store writes the changed aggregate together with its event; an update that changes nothing has no
/// `Change`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It was created.
    Created,
    /// The named fields have new values. Empty if the aggregate was restored after a deletion, or is republished unchanged.
    Updated(Vec<&'static str>),
    /// It was deleted.
    Deleted,
}

/// Optimistic concurrency conflict: the aggregate has another version than the caller expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the current version is {current}, not {expected}; read it again")]
pub struct Stale {
    /// Version of the aggregate; 0 if it does not exist.
    pub current: i64,
    /// Version that the caller expected.
    pub expected: i64,
}

impl<A> Head<A> {
    /// The head of a new aggregate.
    pub fn new(id: Id<A>, at: DateTime<Utc>) -> Self {
        Self { id, version: 1, created_at: at, updated_at: at, deleted_at: None }
    }

    /// Whether it has been deleted.
    pub fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }

    /// Fails if the caller expects another version than the current one. A deleted aggregate counts as version 0, because to callers
    /// it does not exist.
    pub fn expect(&self, expected: Option<i64>) -> Result<(), Stale> {
        expect_version(if self.is_deleted() { 0 } else { self.version }, expected)
    }

    /// Increments the version if any field changed.
    pub fn update(&mut self, changed: Changed<'_>, at: DateTime<Utc>) -> Option<Change> {
        if changed.names.is_empty() {
            return None;
        }
        self.advance(at);
        Some(Change::Updated(changed.names))
    }

    /// Deletes it.
    pub fn delete(&mut self, at: DateTime<Utc>) -> Change {
        self.advance(at);
        self.deleted_at = Some(at);
        Change::Deleted
    }

    /// Restores a deleted aggregate.
    pub fn restore(&mut self, at: DateTime<Utc>) -> Change {
        self.advance(at);
        self.deleted_at = None;
        Change::Updated(Vec::new())
    }

    /// The change to publish when the aggregate is republished unchanged.
    pub fn unchanged(&self) -> Change {
        if self.is_deleted() { Change::Deleted } else { Change::Updated(Vec::new()) }
    }

    fn advance(&mut self, at: DateTime<Utc>) {
        self.version += 1;
        self.updated_at = at;
    }
}

/// Compares the version that a caller expects with the current one; version 0 means that the aggregate does not exist.
pub fn expect_version(current: i64, expected: Option<i64>) -> Result<(), Stale> {
    match expected {
        Some(expected) if expected != current => Err(Stale { current, expected }),
        _ => Ok(()),
    }
}

impl Change {
    /// Whether data derived from a field has to be rewritten.
    pub fn touches(&self, field: &str) -> bool {
        match self {
            Self::Created | Self::Deleted => true,
            Self::Updated(fields) => fields.contains(&field),
        }
    }

    /// Names of the changed fields, as events hold them.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Updated(fields) => fields.iter().map(ToString::to_string).collect(),
            Self::Created | Self::Deleted => Vec::new(),
        }
    }
}

/// Collects the fields that an update changes.
#[derive(Debug, Default)]
pub struct Changed<'m> {
    /// The only fields that may change; none means all.
    among: Option<&'m [&'m str]>,
    names: Vec<&'static str>,
}

impl<'m> Changed<'m> {
    /// Limits the update to the fields of its mask; the others keep their values.
    pub fn among(fields: &'m [&'m str]) -> Self {
        Self { among: Some(fields), names: Vec::new() }
    }

    /// Replaces the current value if the new one differs, and records the field's name.
    pub fn set<T: PartialEq>(&mut self, name: &'static str, current: &mut T, new: T) {
        if self.among.is_some_and(|fields| !fields.contains(&name)) || *current == new {
            return;
        }
        *current = new;
        self.names.push(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    enum Brand {}

    fn second(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn head() -> Head<Brand> {
        Head::new(Id::new(), second(0))
    }

    #[test]
    fn only_what_differs_takes_the_next_version() {
        let (mut head, mut name) = (head(), "Acme".to_owned());
        let mut same = Changed::default();
        same.set("name", &mut name, "Acme".to_owned());
        assert_eq!(head.update(same, second(1)), None);
        assert_eq!((head.version, head.updated_at), (1, second(0)));
        let mut other = Changed::default();
        other.set("name", &mut name, "ACME".to_owned());
        assert_eq!(head.update(other, second(1)), Some(Change::Updated(vec!["name"])));
        assert_eq!((head.version, head.created_at, head.updated_at), (2, second(0), second(1)));
    }

    #[test]
    fn fields_that_are_not_named_keep_their_values() {
        let (mut key, mut title) = (1, 1);
        let mut changed = Changed::among(&["title"]);
        changed.set("key", &mut key, 2);
        changed.set("title", &mut title, 2);
        assert_eq!((key, title), (1, 2));
        assert_eq!(head().update(changed, second(1)), Some(Change::Updated(vec!["title"])));
    }

    #[test]
    fn a_deleted_one_does_not_exist_and_goes_on_counting() {
        let mut head = head();
        assert_eq!(head.expect(Some(1)), Ok(()));
        assert_eq!(head.expect(Some(2)), Err(Stale { current: 1, expected: 2 }));
        assert_eq!(head.delete(second(1)), Change::Deleted);
        assert_eq!((head.version, head.unchanged()), (2, Change::Deleted));
        assert_eq!(head.expect(Some(2)), Err(Stale { current: 0, expected: 2 }));
        assert_eq!(head.expect(Some(0)), Ok(()));
        assert_eq!(head.restore(second(2)), Change::Updated(vec![]));
        assert_eq!((head.version, head.deleted_at, head.updated_at), (3, None, second(2)));
    }
}
