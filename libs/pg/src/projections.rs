//! The newest state of each aggregate of another service that this one has taken over into a copy of its own. The row is locked
//! from the look to the end of the transaction, so of two events of one aggregate the second sees what the first did, in whichever
//! process.

use crate::{Tx, statement};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text};
use diesel_async::RunQueryDsl;
use fault::Fault;

/// What was taken over of an aggregate.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct ProjectionHead {
    /// The aggregate.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// Version of the state; 0: whatever comes next is newer.
    #[diesel(sql_type = BigInt)]
    pub version: i64,
    /// SHA-256 of its public state; none: it has been deleted.
    #[diesel(sql_type = Nullable<Binary>)]
    pub digest: Option<Vec<u8>>,
}

/// Locks an aggregate's head and returns its version; 0 before the first.
pub async fn lock(tx: &mut Tx, family: &str, key: &str) -> Result<i64, Fault> {
    // An update of nothing: an insert that merely gives way would not lock the row that is there.
    let row: ProjectionHead = statement(
        "insert into projection_heads as head (family, key, version) values ($1, $2, 0)
         on conflict (family, key) do update set version = head.version
         returning key, version, digest",
    )
    .bind::<Text, _>(family)
    .bind::<Text, _>(key)
    .get_result(tx.conn())
    .await?;
    Ok(row.version)
}

/// Notes a state as taken over, under the lock of [`lock`].
pub async fn record(
    tx: &mut Tx,
    family: &str,
    key: &str,
    version: i64,
    digest: Option<[u8; 32]>,
) -> Result<(), Fault> {
    statement(
        "update projection_heads set version = $3, digest = $4 where family = $1 and key = $2",
    )
    .bind::<Text, _>(family)
    .bind::<Text, _>(key)
    .bind::<BigInt, _>(version)
    .bind::<Nullable<Binary>, _>(digest)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The first heads of a family above a key, by key.
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

/// Any key of a family, another one each time.
pub async fn some_key(tx: &mut Tx, family: &str) -> Result<Option<String>, Fault> {
    let rows: Vec<ProjectionHead> = statement(
        "select key, version, digest from projection_heads where family = $1 order by key
         offset (select floor(random() * count(*)) from projection_heads where family = $1) limit 1",
    )
    .bind::<Text, _>(family)
    .get_results(tx.conn())
    .await?;
    Ok(rows.into_iter().next().map(|head| head.key))
}

/// Takes their versions from those that still have these, so that whatever comes next is newer.
pub async fn distrust(tx: &mut Tx, family: &str, heads: &[(String, i64)]) -> Result<(), Fault> {
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

/// Forgets an aggregate that its owner never had, unless it has another version by now; false: it has.
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
