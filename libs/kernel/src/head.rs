//! What every aggregate begins with: who it is, its version, its instants; and what a decision did to it.

use crate::id::Id;
use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel::{Queryable, QueryableByName};
use thiserror::Error;

/// The head of an aggregate. Every change takes the next version, a deletion too, and the row of a deleted one stays, so that
/// nothing late brings it back and one that comes back goes on counting.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, QueryableByName)]
pub struct Head<A> {
    /// UUIDv7.
    #[diesel(sql_type = SqlUuid)]
    pub id: Id<A>,
    /// From 1.
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

/// What happened to an aggregate; the store writes it together with the event that says so. A decision that changed nothing has
/// no change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Created,
    /// The named fields have other values. None are named where it was deleted and is back, or is published again as it is.
    Updated(Vec<&'static str>),
    /// It is gone.
    Deleted,
}

/// Somebody else was faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the current version is {current}, not {expected}; read it again")]
pub struct Stale {
    /// Version of the aggregate; 0 where it does not exist.
    pub current: i64,
    /// Version that the caller had seen.
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

    /// Refuses a caller who has seen another version than the current one. To callers a deleted aggregate does not exist, so its
    /// version is 0.
    pub fn expect(&self, expected: Option<i64>) -> Result<(), Stale> {
        expect_version(if self.is_deleted() { 0 } else { self.version }, expected)
    }

    /// Takes the next version where something changed.
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

    /// Brings a deleted one back.
    pub fn restore(&mut self, at: DateTime<Utc>) -> Change {
        self.advance(at);
        self.deleted_at = None;
        Change::Updated(Vec::new())
    }

    /// What is said of it where it is published again as it is.
    pub fn unchanged(&self) -> Change {
        if self.is_deleted() { Change::Deleted } else { Change::Updated(Vec::new()) }
    }

    fn advance(&mut self, at: DateTime<Utc>) {
        self.version += 1;
        self.updated_at = at;
    }
}

/// Compares the version that a caller has seen with the current one; 0: it does not exist.
pub fn expect_version(current: i64, expected: Option<i64>) -> Result<(), Stale> {
    match expected {
        Some(expected) if expected != current => Err(Stale { current, expected }),
        _ => Ok(()),
    }
}

impl Change {
    /// Whether what is kept of a field has to be written anew.
    pub fn touches(&self, field: &str) -> bool {
        match self {
            Self::Created | Self::Deleted => true,
            Self::Updated(fields) => fields.contains(&field),
        }
    }

    /// The names of what changed, as events carry them.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Updated(fields) => fields.iter().map(ToString::to_string).collect(),
            Self::Created | Self::Deleted => Vec::new(),
        }
    }
}

/// Which fields an update changed.
#[derive(Debug, Default)]
pub struct Changed<'m> {
    /// The only fields that may change; none: all may.
    among: Option<&'m [&'m str]>,
    names: Vec<&'static str>,
}

impl<'m> Changed<'m> {
    /// Of an update that names its fields: the others keep their values.
    pub fn among(fields: &'m [&'m str]) -> Self {
        Self { among: Some(fields), names: Vec::new() }
    }

    /// Puts a new value in the place of the current one where they differ, and notes the field's name.
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
