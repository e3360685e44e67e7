//! Typed ids, so that a product's id cannot be used where a variant's is expected.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
};

use diesel::{
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    pg::{Pg, PgValue},
    serialize::{self, Output, ToSql},
    sql_types,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

/// The id of a `T`; `T` may be an empty type, as in `pub enum Product {}` and `Id<Product>`. It is
/// hyphenated lower-case text in the API and in JSON, and a `uuid` column, nullable or not, in
/// diesel.
#[derive(AsExpression, FromSqlRow, Serialize, Deserialize)]
#[diesel(sql_type = sql_types::Uuid)]
#[serde(into = "String", try_from = "String", bound = "")]
pub struct Id<T> {
    uuid: Uuid,
    // A function pointer is `Send`, `Sync` and `Copy` whatever `T` is.
    kind: PhantomData<fn() -> T>,
}

/// The text is not a hyphenated UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an id is a UUID: 32 hexadecimal digits in the form 8-4-4-4-12")]
pub struct InvalidId;

impl<T> Id<T> {
    /// Generates a UUIDv7, so that rows created together are close to each other in an index. Do not
    /// derive an order of events from ids: clocks of replicas differ.
    #[expect(
        clippy::new_without_default,
        reason = "a default is the same value each time, an id never is"
    )]
    pub fn new() -> Self {
        Self::from_uuid(Uuid::now_v7())
    }

    /// Converts a UUID of any version, because ids may also be imported from other systems.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, kind: PhantomData }
    }

    /// Accepts only the hyphenated form, in upper or lower case.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        // The parser also takes braces, `urn:uuid:` and bare digits, which all have other lengths.
        if text.len() != uuid::fmt::Hyphenated::LENGTH {
            return Err(InvalidId);
        }
        Uuid::try_parse(text).map(Self::from_uuid).map_err(|_| InvalidId)
    }

    /// The id without its type.
    pub const fn uuid(self) -> Uuid {
        self.uuid
    }
}

// Implemented by hand, because `derive` would require `T` to be `Copy`, `Ord` and so on.
impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}

impl<T> Eq for Id<T> {}

impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.uuid.cmp(&other.uuid)
    }
}

impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.uuid, f)
    }
}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<T> From<Id<T>> for String {
    fn from(id: Id<T>) -> Self {
        id.to_string()
    }
}

impl<T> TryFrom<String> for Id<T> {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::parse(&text)
    }
}

impl<T> ToSql<sql_types::Uuid, Pg> for Id<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <Uuid as ToSql<sql_types::Uuid, Pg>>::to_sql(&self.uuid, out)
    }
}

impl<T> FromSql<sql_types::Uuid, Pg> for Id<T> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        <Uuid as FromSql<sql_types::Uuid, Pg>>::from_sql(value).map(Self::from_uuid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    enum Product {}

    const TEXT: &str = "01976f2e-7c2b-7d3e-8a51-0123456789ab";

    #[test]
    fn text_and_json_are_the_hyphenated_form() {
        let id = Id::<Product>::parse(TEXT).unwrap();
        let json = format!("{TEXT:?}");
        assert_eq!(id.to_string(), TEXT);
        assert_eq!(format!("{id:?}"), TEXT);
        assert_eq!(serde_json::to_string(&id).unwrap(), json);
        assert_eq!(serde_json::from_str::<Id<Product>>(&json).unwrap(), id);
        assert_eq!(Id::parse(&TEXT.to_uppercase()), Ok(id));
    }

    #[test]
    fn other_spellings_are_refused() {
        let spellings = [
            String::new(),
            TEXT.replace('-', ""),
            format!("{{{TEXT}}}"),
            format!("urn:uuid:{TEXT}"),
            format!(" {}", &TEXT[1..]),
            TEXT.replace('-', "_"),
        ];
        for text in spellings {
            assert_eq!(Id::<Product>::parse(&text), Err(InvalidId), "{text}");
        }
    }

    #[test]
    fn new_ids_are_version_7_and_ascend() {
        let ids: Vec<_> = (0..1000).map(|_| Id::<Product>::new()).collect();
        assert!(ids.is_sorted_by(|left, right| left < right));
        assert!(ids.iter().all(|id| id.uuid().get_version_num() == 7));
    }
}
