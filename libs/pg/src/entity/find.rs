//! Reads aggregates by id.

use super::stored::{Stored, from_rows, live};
use crate::{Tx, statement};
use diesel::sql_types::{Array, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::id::Id;

/// The existing aggregates with these ids, including deleted ones, ordered by id.
pub async fn find<E: Stored>(tx: &mut Tx, ids: &[Id<E>]) -> Result<Vec<E>, Fault> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (select, id) = (E::select(), E::ID);
    let sql = format!("{select} where owner.{id} = any($1) order by owner.{id}");
    let rows = statement(sql).bind::<Array<SqlUuid>, _>(ids).get_results(tx.conn()).await?;
    from_rows(rows)
}

/// One aggregate; an error if it does not exist or is deleted.
pub async fn get<E: Stored>(tx: &mut Tx, id: Id<E>) -> Result<E, Fault> {
    let found = find(tx, &[id]).await?;
    live(found, id)
}
