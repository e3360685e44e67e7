//! Imports: the progress of each one, and the outcome of its chunks.

use crate::schema::{import_chunks, imports};
use catalog_api::v1::ImportChunkResult;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::Tx;
use prost::Message;
use uuid::Uuid;

/// The progress of an import.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = imports)]
pub struct Import {
    /// UUID that the caller gave.
    pub id: Uuid,
    /// SHA-256 of its start.
    pub settings_digest: Vec<u8>,
    /// Sequence of the last chunk that is committed.
    pub committed_sequence: i64,
}

/// An import that was started.
pub async fn find(tx: &mut Tx, id: Uuid) -> Result<Option<Import>, Fault> {
    let import = imports::table.find(id).select(Import::as_select());
    Ok(import.first(tx.conn()).await.optional()?)
}

/// Starts an import, unless it was started before.
pub async fn begin(tx: &mut Tx, id: Uuid, settings_digest: &[u8]) -> Result<(), Fault> {
    diesel::insert_into(imports::table)
        .values((
            imports::id.eq(id),
            imports::settings_digest.eq(settings_digest),
            imports::committed_sequence.eq(0),
        ))
        .on_conflict_do_nothing()
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Locks an import, so that two streams of it take turns.
pub async fn lock(tx: &mut Tx, id: Uuid) -> Result<Import, Fault> {
    let import = imports::table.find(id).select(Import::as_select()).for_update();
    Ok(import.first(tx.conn()).await?)
}

/// The digest of a chunk that was committed, and its outcome.
pub async fn chunk(
    tx: &mut Tx,
    import: Uuid,
    sequence: i64,
) -> Result<Option<(Vec<u8>, ImportChunkResult)>, Fault> {
    let row: Option<(Vec<u8>, Vec<u8>)> = import_chunks::table
        .find((import, sequence))
        .select((import_chunks::digest, import_chunks::result))
        .first(tx.conn())
        .await
        .optional()?;
    let read = row.map(|(digest, result)| {
        let result = ImportChunkResult::decode(result.as_slice()).map_err(Fault::internal)?;
        Ok((digest, result))
    });
    read.transpose()
}

/// Stores the outcome of the next chunk of a locked import.
pub async fn commit(
    tx: &mut Tx,
    import: Uuid,
    digest: &[u8],
    result: &ImportChunkResult,
) -> Result<(), Fault> {
    diesel::insert_into(import_chunks::table)
        .values((
            import_chunks::import_id.eq(import),
            import_chunks::sequence.eq(result.sequence),
            import_chunks::digest.eq(digest),
            import_chunks::result.eq(result.encode_to_vec()),
        ))
        .execute(tx.conn())
        .await?;
    diesel::update(imports::table.find(import))
        .set((
            imports::committed_sequence.eq(result.sequence),
            imports::updated_at.eq(diesel::dsl::now),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}
