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

/// An aggregate that publishes an event for every change.
pub trait Published: Sized + Send + Sync + 'static {
    /// The family of its events, e.g. `catalog.brand`.
    const FAMILY: &'static str;

    /// Its id, version and timestamps.
    fn head(&self) -> &Head<Self>;

    /// The event for a change, with the whole public state after it.
    fn event(&self, change: &Change) -> Fact;
}

/// An aggregate that is stored as a row with the columns of its [`Head`] and its own columns.
pub trait Stored: Published {
    /// Name of its table.
    const TABLE: &'static str;
    /// Name of its id column.
    const ID: &'static str = "id";
    /// Whether [`Stored::select`] joins other tables. The row is then locked by a separate statement first, because a statement that
    /// waited for a lock still reads the joined tables as of before the wait.
    const IS_JOINED: bool = false;

    /// A row of [`Stored::select`].
    type Row: QueryableByName<Pg> + Send + 'static;

    /// The select statement up to `where`; the alias of its table must be `owner`.
    fn select() -> String {
        format!("select owner.* from {} owner", Self::TABLE)
    }

    /// Converts a row. A row that cannot be converted is an internal fault.
    fn from_row(row: Self::Row) -> Result<Self, Fault>;

    /// Adds the columns that are not part of the head.
    fn columns(columns: Columns<'_, Self>) -> Columns<'_, Self>;

    /// The error for an aggregate that does not exist or is deleted.
    fn not_found(id: Id<Self>) -> Fault;

    /// Converts a database error of writing the row.
    fn refused(error: Error) -> Fault {
        error.into()
    }

    /// The order in which the rows of a batch are written. Aggregates with a unique name are ordered by it, so that two batches that
    /// insert the same names cannot deadlock.
    fn order(_left: &Self, _right: &Self) -> Ordering {
        Ordering::Equal
    }

    /// Runs before the rows are written, e.g. to free unique values that rows of the batch exchange.
    fn before_save<'t>(
        _tx: &'t mut Tx,
        _changes: &'t [(&'t Self, &'t Change)],
    ) -> impl Future<Output = Result<(), Fault>> + Send + 't {
        std::future::ready(Ok(()))
    }

    /// Runs after the rows are written, to write to other tables.
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
