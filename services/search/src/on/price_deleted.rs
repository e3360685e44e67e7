//! A price was deleted: its entry keeps the version, so nothing late brings it back.

use super::uuid;
use crate::domain::entry::{Entry, Section};
use contracts::pricing::v1::PriceDeleted;
use fault::Fault;

/// The entry that the event makes.
pub fn price_deleted(event: PriceDeleted) -> Result<Entry, Fault> {
    Ok(Entry {
        section: Section::Price,
        source_id: uuid("price_id", &event.price_id)?,
        version: event.version,
        product_id: Some(uuid("product_id", &event.product_id)?),
        body: None,
        filing: None,
    })
}
