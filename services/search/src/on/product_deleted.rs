//! A product was deleted: its entry keeps the version, so nothing late brings it back.

use super::uuid;
use crate::domain::entry::{Entry, Filing, Section};
use contracts::catalog::v1::ProductDeleted;
use fault::Fault;

/// The entry that the event makes.
pub fn product_deleted(event: ProductDeleted) -> Result<Entry, Fault> {
    let id = uuid("product_id", &event.product_id)?;
    Ok(Entry {
        section: Section::Product,
        source_id: id,
        version: event.version,
        product_id: Some(id),
        body: None,
        filing: Some(Filing::default()),
    })
}
