//! The outcome of rows that were sent to the broker.

use super::outbox::Acked;

/// The outcome of some rows; those in neither list are to be read again.
#[derive(Debug, Default)]
pub(super) struct Published {
    pub acked: Vec<Acked>,
    /// Rows that the broker refuses, with its reason.
    pub refused: Vec<(i64, String)>,
    /// Why the broker accepts nothing at the moment.
    pub unavailable: Option<String>,
}
