//! A category was changed: as at its creation, the event carries the whole category.

use super::category_created;
use crate::domain::entry::Entry;
use contracts::catalog::v1::CategoryUpdated;
use fault::Fault;

/// The entry that the event makes.
pub fn category_updated(event: CategoryUpdated) -> Result<Entry, Fault> {
    category_created::entry(event.category.unwrap_or_default())
}
