//! Projection heads: version and digest of this service's copy of each aggregate of another service. A head is locked when its
//! version is read until the end of the transaction, so events of one aggregate are applied one after the other, in any process.

use crate::{Tx, statement};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text};
use diesel_async::RunQueryDsl;
use fault::Fault;
use std::collections::{BTreeMap, BTreeSet};

/// Version and digest of the copy of an aggregate.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct ProjectionHead {
    /// Key of the aggregate.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// Version of the copy; 0 means that any next event is newer.
    #[diesel(sql_type = BigInt)]
    pub version: i64,
    /// SHA-256 of its public state; none if it is deleted.
    #[diesel(sql_type = Nullable<Binary>)]
    pub digest: Option<Vec<u8>>,
}

/// Locks the heads of aggregates, in the order of their keys, and returns their versions; 0 where there is no copy yet.
pub async fn lock_all(
    tx: &mut Tx,
    family: &str,
    keys: &BTreeSet<&str>,
) -> Result<BTreeMap<String, i64>, Fault> {
    // The update changes nothing but locks an existing row, which `do nothing` would not.
    let rows: Vec<ProjectionHead> = statement(
        "insert into projection_heads as head (family, key, version)
         select $1, key, 0 from unnest($2) as come (key) order by key
         on conflict (family, key) do update set version = head.version
         returning key, version, digest",
    )
    .bind::<Text, _>(family)
    .bind::<Array<Text>, _>(Vec::from_iter(keys))
    .get_results(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|head| (head.key, head.version)).collect())
}

/// Stores versions and digests of copies, each key once, under the locks of [`lock_all`].
pub async fn record_all(
    tx: &mut Tx,
    family: &str,
    heads: impl IntoIterator<Item = ProjectionHead>,
) -> Result<(), Fault> {
    let (mut keys, mut versions, mut digests) = (Vec::new(), Vec::new(), Vec::new());
    for head in heads {
        keys.push(head.key);
        versions.push(head.version);
        digests.push(head.digest);
    }
    statement(
        "update projection_heads head set version = done.version, digest = done.digest
         from unnest($2, $3, $4) as done (key, version, digest)
         where head.family = $1 and head.key = done.key",
    )
    .bind::<Text, _>(family)
    .bind::<Array<Text>, _>(keys)
    .bind::<Array<BigInt>, _>(versions)
    .bind::<Array<Nullable<Binary>>, _>(digests)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A page of the heads of a family after a key, ordered by key.
pub async fn list(
    tx: &mut Tx,
    family: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<ProjectionHead>, Fault> {
    let rows = statement(
        "select key, version, digest from projection_heads
         where family = $1 and key > $2 order by key limit $3",
    )
    .bind::<Text, _>(family)
    .bind::<Text, _>(after)
    .bind::<BigInt, _>(limit)
    .get_results(tx.conn())
    .await?;
    Ok(rows)
}

/// A random key of a family.
pub async fn random_key(tx: &mut Tx, family: &str) -> Result<Option<String>, Fault> {
    let rows: Vec<ProjectionHead> = statement(
        "select key, version, digest from projection_heads where family = $1 order by key
         offset (select floor(random() * count(*)) from projection_heads where family = $1) limit 1",
    )
    .bind::<Text, _>(family)
    .get_results(tx.conn())
    .await?;
    Ok(rows.into_iter().next().map(|head| head.key))
}

/// Resets to 0 the versions of heads that still have the given ones, so that any next event is newer.
pub async fn reset_versions(
    tx: &mut Tx,
    family: &str,
    heads: &[(String, i64)],
) -> Result<(), Fault> {
    let (keys, versions): (Vec<&str>, Vec<i64>) =
        heads.iter().map(|(key, version)| (key.as_str(), *version)).unzip();
    statement(
        "update projection_heads head set version = 0
         from unnest($2, $3) as wrong (key, version)
         where head.family = $1 and head.key = wrong.key and head.version = wrong.version",
    )
    .bind::<Text, _>(family)
    .bind::<Array<Text>, _>(keys)
    .bind::<Array<BigInt>, _>(versions)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Deletes the head of an aggregate that its owner does not have. False if its version has changed meanwhile.
pub async fn forget(tx: &mut Tx, family: &str, key: &str, version: i64) -> Result<bool, Fault> {
    let gone =
        statement("delete from projection_heads where family = $1 and key = $2 and version = $3")
            .bind::<Text, _>(family)
            .bind::<Text, _>(key)
            .bind::<BigInt, _>(version)
            .execute(tx.conn())
            .await?;
    Ok(gone == 1)
}
