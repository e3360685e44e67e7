use crate::Tx;
use crate::columns::Columns;
use contracts::Fact;
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::result::Error;
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

pub(super) fn from_rows<E: Stored>(rows: Vec<E::Row>) -> Result<Vec<E>, Fault> {
    rows.into_iter().map(E::from_row).collect()
}

pub(super) fn live<E: Stored>(found: Vec<E>, id: Id<E>) -> Result<E, Fault> {
    let live = found.into_iter().find(|own| !own.head().is_deleted());
    live.ok_or_else(|| E::not_found(id))
}
