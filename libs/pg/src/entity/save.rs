//! Writes aggregates: rows and events in one transaction, so that no change lacks its event. Nothing else may write them.

use super::stored::Stored;
use crate::columns::Columns;
use crate::{Tx, outbox};
use diesel::sql_types::{BigInt, Nullable, Timestamptz, Uuid as SqlUuid};
use fault::Fault;
use kernel::head::Change;

/// Writes one aggregate, which must be locked or new, and its event. Does nothing without a change.
pub async fn save<E: Stored>(tx: &mut Tx, own: &E, change: Option<&Change>) -> Result<(), Fault> {
    match change {
        Some(change) => save_all(tx, &[(own, change)]).await,
        None => Ok(()),
    }
}

/// Writes aggregates, which must be locked or new, and their events in the given order.
pub async fn save_all<E: Stored>(tx: &mut Tx, changes: &[(&E, &Change)]) -> Result<(), Fault> {
    if changes.is_empty() {
        return Ok(());
    }
    E::before_save(tx, changes).await?;
    let mut rows: Vec<&E> = changes.iter().map(|(own, _)| *own).collect();
    rows.sort_by(|left, right| E::order(left, right));
    let (new, old): (Vec<&E>, Vec<&E>) = rows.into_iter().partition(|own| own.head().version == 1);
    columns(new).insert(tx).await.map_err(E::refused)?;
    // An upsert would cost twice as much: it looks for conflicts in every index first.
    let count = old.len();
    if columns(old).update(tx).await.map_err(E::refused)? != count {
        return Err(Fault::internal(format!("rows of {} that were changed are gone", E::TABLE)));
    }
    E::after_save(tx, changes).await?;
    outbox::append(tx, changes.iter().map(|(own, change)| own.event(change))).await
}

/// The rows of aggregates with all their columns.
pub fn columns<'a, E: Stored>(rows: impl IntoIterator<Item = &'a E>) -> Columns<'a, E> {
    let columns = Columns::of(E::TABLE, E::ID, rows)
        .fixed::<SqlUuid, _>(E::ID, |own| own.head().id)
        .column::<BigInt, _>("version", |own| own.head().version)
        .fixed::<Timestamptz, _>("created_at", |own| own.head().created_at)
        .column::<Timestamptz, _>("updated_at", |own| own.head().updated_at)
        .column::<Nullable<Timestamptz>, _>("deleted_at", |own| own.head().deleted_at);
    E::columns(columns)
}
