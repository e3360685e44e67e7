//! Aggregates and their tables. An aggregate says once what its events are ([`Published`]) and where its rows are ([`Stored`]);
//! reading, locking, paging and writing it by its head then is the same for all. [`save`] and [`save_all`] are the only
//! writers: rows and events in one transaction, so that no state changes without its event.

mod list;
mod lock;

pub use list::{List, list};
pub use lock::{Lock, lock, lock_all, lock_reference, lock_to_delete};

use crate::columns::Columns;
use crate::{Tx, outbox, statement};
use contracts::Fact;
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::head::{Change, Head};
use kernel::id::Id;
use std::cmp::Ordering;

/// An aggregate whose every change is published.
pub trait Published: Sized + Send + Sync + 'static {
    /// The family of its events, e.g. `catalog.brand`.
    const FAMILY: &'static str;

    /// Its id, version and instants.
    fn head(&self) -> &Head<Self>;

    /// The event that tells of a change: the whole public state after it.
    fn event(&self, change: &Change) -> Fact;
}

/// An aggregate that has a row in a table, with the columns of its [`Head`] and its own.
pub trait Stored: Published {
    /// Its table.
    const TABLE: &'static str;
    /// The column of its id.
    const ID: &'static str = "id";
    /// Whether [`Stored::select`] reads other tables too. A lock is then taken first, by a statement of its own, because the rest
    /// of a statement that waited still sees what was before.
    const IS_JOINED: bool = false;

    /// What [`Stored::select`] reads.
    type Row: QueryableByName<Pg> + Send + 'static;

    /// The statement that reads it, up to `where`; its table is called `owner`.
    fn select() -> String {
        format!("select owner.* from {} owner", Self::TABLE)
    }

    /// The aggregate of a row. A row that this version cannot read is an internal fault.
    fn from_row(row: Self::Row) -> Result<Self, Fault>;

    /// Names the columns beside those of the head.
    fn columns(columns: Columns<'_, Self>) -> Columns<'_, Self>;

    /// The refusal where there is no such aggregate, or no more.
    fn not_found(id: Id<Self>) -> Fault;

    /// What an error of writing the row means.
    fn refused(error: Error) -> Fault {
        error.into()
    }

    /// The order in which rows of one batch are written: those that take a unique name by that name, so that two batches with the
    /// same new names wait for each other in one direction only.
    fn order(_left: &Self, _right: &Self) -> Ordering {
        Ordering::Equal
    }

    /// Makes room for the rows, before they are written.
    fn before_save<'t>(
        _tx: &'t mut Tx,
        _changes: &'t [(&'t Self, &'t Change)],
    ) -> impl Future<Output = Result<(), Fault>> + Send + 't {
        std::future::ready(Ok(()))
    }

    /// Writes what lies in other tables, after the rows.
    fn after_save<'t>(
        _tx: &'t mut Tx,
        _changes: &'t [(&'t Self, &'t Change)],
    ) -> impl Future<Output = Result<(), Fault>> + Send + 't {
        std::future::ready(Ok(()))
    }
}

/// The aggregates of these ids, deleted ones too, by id.
pub async fn find<E: Stored>(tx: &mut Tx, ids: &[Id<E>]) -> Result<Vec<E>, Fault> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (select, id) = (E::select(), E::ID);
    let sql = format!("{select} where owner.{id} = any($1) order by owner.{id}");
    let rows = statement(sql).bind::<Array<SqlUuid>, _>(ids).get_results(tx.conn()).await?;
    from_rows(rows)
}

/// One that exists.
pub async fn get<E: Stored>(tx: &mut Tx, id: Id<E>) -> Result<E, Fault> {
    let found = find(tx, &[id]).await?;
    live(found, id)
}

/// Writes one that is locked or new, and tells of its change; without a change it does nothing.
pub async fn save<E: Stored>(tx: &mut Tx, own: &E, change: Option<&Change>) -> Result<(), Fault> {
    match change {
        Some(change) => save_all(tx, &[(own, change)]).await,
        None => Ok(()),
    }
}

/// Writes those that are locked or new, and tells of their changes in the given order.
pub async fn save_all<E: Stored>(tx: &mut Tx, changes: &[(&E, &Change)]) -> Result<(), Fault> {
    if changes.is_empty() {
        return Ok(());
    }
    E::before_save(tx, changes).await?;
    let mut rows: Vec<&E> = changes.iter().map(|(own, _)| *own).collect();
    rows.sort_by(|left, right| E::order(left, right));
    columns(rows).upsert(tx).await.map_err(E::refused)?;
    E::after_save(tx, changes).await?;
    outbox::append(tx, changes.iter().map(|(own, change)| own.event(change))).await
}

/// The rows of aggregates, by all their columns.
pub fn columns<'a, E: Stored>(rows: impl IntoIterator<Item = &'a E>) -> Columns<'a, E> {
    let columns = Columns::of(E::TABLE, E::ID, rows)
        .fixed::<SqlUuid, _>(E::ID, |own| own.head().id)
        .column::<BigInt, _>("version", |own| own.head().version)
        .fixed::<Timestamptz, _>("created_at", |own| own.head().created_at)
        .column::<Timestamptz, _>("updated_at", |own| own.head().updated_at)
        .column::<Nullable<Timestamptz>, _>("deleted_at", |own| own.head().deleted_at);
    E::columns(columns)
}

fn from_rows<E: Stored>(rows: Vec<E::Row>) -> Result<Vec<E>, Fault> {
    rows.into_iter().map(E::from_row).collect()
}

fn live<E: Stored>(found: Vec<E>, id: Id<E>) -> Result<E, Fault> {
    let live = found.into_iter().find(|own| !own.head().is_deleted());
    live.ok_or_else(|| E::not_found(id))
}
