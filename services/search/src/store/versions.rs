//! Entries as a comparison with their owner sees them.

use crate::domain::drift::{Version, Versions};
use crate::domain::entry::Section;
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Uuid as SqlUuid};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::Tx;
use uuid::Uuid;

/// Id, version and digest of every entry of a section.
pub async fn of(tx: &mut Tx, section: Section) -> Result<Versions, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        source_id: Uuid,
        #[diesel(sql_type = BigInt)]
        version: i64,
        #[diesel(sql_type = Nullable<Binary>)]
        digest: Option<Vec<u8>>,
    }
    let rows: Vec<Row> = sql_query(
        "select source_id, version, sha256(body) as digest from entries where section = $1",
    )
    .bind::<Text, _>(section.name())
    .get_results(tx.conn())
    .await?;
    let version = |row: Row| {
        let deleted = row.digest.is_none();
        (row.source_id, Version { version: row.version, digest: row.digest, deleted })
    };
    Ok(rows.into_iter().map(version).collect())
}
