//! Entries as a comparison with their owner sees them.

use crate::domain::entry::Section;
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Uuid as SqlUuid};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::RunQueryDsl;
use fault::Fault;
use mesh::reconcile::Listed;
use pg::{Tx, statement};
use uuid::Uuid;

/// Id, version and digest of the first entries of a section above an id.
pub async fn list(
    tx: &mut Tx,
    section: Section,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Listed>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        source_id: Uuid,
        #[diesel(sql_type = BigInt)]
        version: i64,
        #[diesel(sql_type = Nullable<Binary>)]
        digest: Option<Vec<u8>>,
    }
    let rows: Vec<Row> = statement(
        "select source_id, version, sha256(body) as digest from entries
         where section = $1 and source_id > $2 order by source_id limit $3",
    )
    .bind::<Text, _>(section.name())
    .bind::<SqlUuid, _>(after.unwrap_or_default())
    .bind::<BigInt, _>(limit)
    .get_results(tx.conn())
    .await?;
    let listed = |row: Row| Listed {
        key: row.source_id.to_string(),
        version: row.version,
        deleted: row.digest.is_none(),
        digest: row.digest,
        unpublished: false,
    };
    Ok(rows.into_iter().map(listed).collect())
}

/// The id of any entry of a section.
pub async fn some_id(tx: &mut Tx, section: Section) -> Result<Option<Uuid>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        source_id: Uuid,
    }
    let row: Option<Row> = statement(
        "select source_id from entries where section = $1 order by source_id
         offset (select floor(random() * count(*)) from entries where section = $1) limit 1",
    )
    .bind::<Text, _>(section.name())
    .get_result(tx.conn())
    .await
    .optional()?;
    Ok(row.map(|row| row.source_id))
}
