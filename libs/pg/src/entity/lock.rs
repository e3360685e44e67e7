//! Row locks on aggregates. Rows of one table are always locked in the order of their ids, to avoid deadlocks.

use super::find::find;
use super::stored::{Stored, from_rows, live};
use crate::{Tx, statement};
use diesel::sql_types::{Array, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::id::Id;

/// Purpose of a row lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// To change the row; [`Lock::Reference`] locks do not conflict.
    Change,
    /// To delete the row; conflicts with [`Lock::Reference`] locks.
    Deletion,
    /// To refer to the row: others may change it, but not delete it.
    Reference,
}

impl Lock {
    fn clause(self) -> &'static str {
        match self {
            Self::Change => "for no key update of owner",
            Self::Deletion => "for update of owner",
            Self::Reference => "for key share of owner",
        }
    }
}

/// Locks and returns the existing aggregates with these ids, including deleted ones, ordered by id.
pub async fn lock_all<E: Stored>(tx: &mut Tx, ids: &[Id<E>], lock: Lock) -> Result<Vec<E>, Fault> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (table, id, clause) = (E::TABLE, E::ID, lock.clause());
    let select = match E::IS_JOINED {
        true => format!("select from {table} owner"),
        false => E::select(),
    };
    let sql = format!("{select} where owner.{id} = any($1) order by owner.{id} {clause}");
    let locking = statement(sql).bind::<Array<SqlUuid>, _>(ids);
    if E::IS_JOINED {
        locking.execute(tx.conn()).await?;
        return find(tx, ids).await;
    }
    from_rows(locking.get_results(tx.conn()).await?)
}

/// Locks one aggregate for a change; an error if it does not exist or is deleted.
pub async fn lock<E: Stored>(tx: &mut Tx, id: Id<E>) -> Result<E, Fault> {
    live(lock_all(tx, &[id], Lock::Change).await?, id)
}

/// Locks one aggregate for its deletion, so that no new references to it can be created; an error if it does not exist or is deleted.
pub async fn lock_to_delete<E: Stored>(tx: &mut Tx, id: Id<E>) -> Result<E, Fault> {
    live(lock_all(tx, &[id], Lock::Deletion).await?, id)
}

/// Locks those of the aggregates that exist against deletion, and returns their ids.
pub async fn lock_reference<E: Stored, L: FromIterator<Id<E>>>(
    tx: &mut Tx,
    ids: &[Id<E>],
) -> Result<L, Fault> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: uuid::Uuid,
    }
    if ids.is_empty() {
        return Ok(L::from_iter([]));
    }
    let (table, id, clause) = (E::TABLE, E::ID, Lock::Reference.clause());
    let sql = format!(
        "select owner.{id} as id from {table} owner
         where owner.{id} = any($1) and owner.deleted_at is null order by owner.{id} {clause}"
    );
    let rows: Vec<Row> =
        statement(sql).bind::<Array<SqlUuid>, _>(ids).get_results(tx.conn()).await?;
    Ok(rows.into_iter().map(|row| Id::from_uuid(row.id)).collect())
}
