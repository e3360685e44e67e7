//! A part of a transaction that is taken back, with the rest of it going on.

use diesel_async::SimpleAsyncConnection;
use fault::Fault;
use pg::Tx;

/// Marks the point to go back to.
pub async fn begin(tx: &mut Tx) -> Result<(), Fault> {
    tx.conn().batch_execute("savepoint dry_run").await.map_err(Fault::from)
}

/// Takes back everything since [`begin`], events included.
pub async fn undo(tx: &mut Tx) -> Result<(), Fault> {
    tx.conn().batch_execute("rollback to savepoint dry_run").await.map_err(Fault::from)
}
