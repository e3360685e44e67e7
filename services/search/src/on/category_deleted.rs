//! A category was deleted: its entry keeps the version, so nothing late brings it back.

use super::uuid;
use crate::domain::entry::{Entry, Section};
use contracts::catalog::v1::CategoryDeleted;
use fault::Fault;

/// The entry that the event makes.
pub fn category_deleted(event: CategoryDeleted) -> Result<Entry, Fault> {
    let id = uuid("category_id", &event.category_id)?;
    Ok(Entry {
        section: Section::Category,
        source_id: id,
        version: event.version,
        product_id: None,
        body: None,
        filing: None,
    })
}
