//! The processes that serve searches, and the reindexing that they share.

use crate::engine::Stats;
use diesel::sql_types::{BigInt, Bool, Nullable, Uuid as SqlUuid};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::{Tx, statement};
use uuid::Uuid;

/// Records the heartbeat of a replica, with its checkpoint and its last reindexing; removes replicas without one for a day.
pub async fn beat(
    tx: &mut Tx,
    replica_id: Uuid,
    stats: &Stats,
    reindexed: Option<Uuid>,
) -> Result<(), Fault> {
    statement(
        "insert into replicas (replica_id, revision, documents, reindex_id, seen_at)
         values ($1, $2, $3, $4, now())
         on conflict (replica_id) do update
         set revision = excluded.revision, documents = excluded.documents,
             reindex_id = excluded.reindex_id, seen_at = excluded.seen_at",
    )
    .bind::<SqlUuid, _>(replica_id)
    .bind::<BigInt, _>(stats.checkpoint.revision)
    .bind::<BigInt, _>(i64::try_from(stats.documents).unwrap_or_default())
    .bind::<Nullable<SqlUuid>, _>(reindexed)
    .execute(tx.conn())
    .await?;
    statement("delete from replicas where seen_at < now() - interval '1 day'")
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The latest reindexing that is running.
pub async fn requested_reindex(tx: &mut Tx) -> Result<Option<Uuid>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
    }
    let row: Option<Row> = statement(
        "select id from operations where kind = 'reindex' and state = 'running'
         order by id desc limit 1",
    )
    .get_result(tx.conn())
    .await
    .optional()?;
    Ok(row.map(|row| row.id))
}

/// Whether every live replica has done a reindexing.
pub async fn all_have_done(tx: &mut Tx, reindexing: Uuid) -> Result<bool, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Bool)]
        done: bool,
    }
    let row: Row = statement(
        "select coalesce(bool_and(coalesce(reindex_id >= $1, false)), false) as done from replicas
         where seen_at > now() - interval '10 seconds'",
    )
    .bind::<SqlUuid, _>(reindexing)
    .get_result(tx.conn())
    .await?;
    Ok(row.done)
}

/// Ends a reindexing and those before it, which it did too.
pub async fn end_up_to(tx: &mut Tx, reindexing: Uuid) -> Result<(), Fault> {
    statement(
        "update operations set state = 'succeeded', message = '', total = done, updated_at = now()
         where kind = 'reindex' and state = 'running' and id <= $1",
    )
    .bind::<SqlUuid, _>(reindexing)
    .execute(tx.conn())
    .await?;
    Ok(())
}
