//! A variant was deleted: its entry keeps the version, so nothing late brings it back.

use super::uuid;
use crate::domain::entry::{Entry, Section};
use contracts::catalog::v1::VariantDeleted;
use fault::Fault;

/// The entry that the event makes.
pub fn variant_deleted(event: VariantDeleted) -> Result<Entry, Fault> {
    let id = uuid("variant_id", &event.variant_id)?;
    Ok(Entry {
        section: Section::Variant,
        source_id: id,
        version: event.version,
        product_id: Some(uuid("product_id", &event.product_id)?),
        body: None,
        filing: None,
    })
}
