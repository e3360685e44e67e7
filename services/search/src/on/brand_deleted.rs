//! A brand was deleted: its entry keeps the version, so nothing late brings it back.

use super::uuid;
use crate::domain::entry::{Entry, Section};
use contracts::catalog::v1::BrandDeleted;
use fault::Fault;

/// The entry that the event makes.
pub fn brand_deleted(event: BrandDeleted) -> Result<Entry, Fault> {
    let id = uuid("brand_id", &event.brand_id)?;
    Ok(Entry {
        section: Section::Brand,
        source_id: id,
        version: event.version,
        product_id: None,
        body: None,
        filing: None,
    })
}
