//! Aggregate heads: the version and the state digest of the newest event of every published aggregate, written together with the
//! event by [`crate::outbox::append`]. Other services compare their copies with them, and have aggregates that differ republished.

use crate::entity::{self, Lock, Stored};
use crate::{Tx, outbox, statement};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use futures::FutureExt;
use futures::future::BoxFuture;
use kernel::id::Id;
use std::collections::BTreeSet;
use uuid::Uuid;

/// The newest event of an aggregate, without its content.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct AggregateHead {
    /// Key of the aggregate.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// Subject of its newest event.
    #[diesel(sql_type = Text)]
    pub subject: String,
    /// Version of its newest event.
    #[diesel(sql_type = BigInt)]
    pub version: i64,
    /// SHA-256 of its public state; none if it is deleted.
    #[diesel(sql_type = Nullable<Binary>)]
    pub digest: Option<Vec<u8>>,
    /// Whether the broker has still to accept an event of it.
    #[diesel(sql_type = Bool)]
    pub unpublished: bool,
}

/// Selects heads of a family.
#[derive(Debug, Clone, Copy)]
pub enum Which<'k> {
    /// A page: the heads after a key, in the order of keys.
    After {
        /// The key; empty starts at the first head.
        key: &'k str,
        /// Page size.
        limit: i64,
    },
    /// The heads of these keys.
    Keys(&'k [String]),
}

/// Heads of a family, ordered by key.
pub async fn list(
    tx: &mut Tx,
    family: &str,
    which: Which<'_>,
) -> Result<Vec<AggregateHead>, Fault> {
    // Few events are unpublished at a time, and an index has them; by key there is none.
    let select = "select key, subject, version, digest,
           key in (select key from outbox where published_at is null) as unpublished
         from aggregate_heads where family = $1";
    let rows = match which {
        Which::After { key, limit } => {
            statement(format!("{select} and key > $2 order by key limit $3"))
                .bind::<Text, _>(family)
                .bind::<Text, _>(key)
                .bind::<BigInt, _>(limit)
                .get_results(tx.conn())
                .await?
        }
        Which::Keys(keys) => {
            statement(format!("{select} and key = any($2) order by key"))
                .bind::<Text, _>(family)
                .bind::<Array<Text>, _>(keys)
                .get_results(tx.conn())
                .await?
        }
    };
    Ok(rows)
}

/// The aggregates of one type, without the type itself: lists their keys and republishes them.
#[derive(Clone, Copy)]
pub struct Aggregates {
    /// Their family, e.g. `catalog.brand`.
    pub family: &'static str,
    republish: Republish,
    keys: Keys,
}

type Republish =
    for<'t> fn(&'t mut Tx, &'t [String]) -> BoxFuture<'t, Result<BTreeSet<String>, Fault>>;
type Keys = for<'t> fn(&'t mut Tx, &'t str, i64) -> BoxFuture<'t, Result<Vec<String>, Fault>>;

impl Aggregates {
    /// The aggregates of type `E`.
    pub const fn of<E: Stored>() -> Self {
        Self {
            family: E::FAMILY,
            republish: |tx, keys| republish::<E>(tx, keys).boxed(),
            keys: |tx, after, limit| keys::<E>(tx, after, limit).boxed(),
        }
    }

    /// Publishes the current state of aggregates again, at their current versions and including deleted ones; returns the keys that
    /// exist. The rows are locked, so that no newer version can be published first. The heads are rewritten too, because a field
    /// that was added to the public state changes the digest.
    pub async fn republish(&self, tx: &mut Tx, keys: &[String]) -> Result<BTreeSet<String>, Fault> {
        (self.republish)(tx, keys).await
    }

    /// A page of the keys of all aggregates, published or not, after a key.
    pub async fn keys(&self, tx: &mut Tx, after: &str, limit: i64) -> Result<Vec<String>, Fault> {
        (self.keys)(tx, after, limit).await
    }
}

impl std::fmt::Debug for Aggregates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Aggregates({})", self.family)
    }
}

async fn republish<E: Stored>(tx: &mut Tx, keys: &[String]) -> Result<BTreeSet<String>, Fault> {
    // Keys of aggregates are ids, so anything else cannot exist.
    let ids: BTreeSet<Id<E>> = keys.iter().filter_map(|key| Id::parse(key).ok()).collect();
    let found: Vec<E> = entity::lock_all(tx, &Vec::from_iter(ids), Lock::Change).await?;
    outbox::append(tx, found.iter().map(|own| own.event(&own.head().unchanged()))).await?;
    Ok(found.iter().map(|own| own.head().id.to_string()).collect())
}

async fn keys<E: Stored>(tx: &mut Tx, after: &str, limit: i64) -> Result<Vec<String>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
    }
    let after = Uuid::parse_str(after).unwrap_or_default();
    let (table, id) = (E::TABLE, E::ID);
    let rows: Vec<Row> =
        statement(format!("select {id} as id from {table} where {id} > $1 order by {id} limit $2"))
            .bind::<SqlUuid, _>(after)
            .bind::<BigInt, _>(limit)
            .get_results(tx.conn())
            .await?;
    Ok(rows.into_iter().map(|row| row.id.to_string()).collect())
}
