//! A brand was created: its entry is the whole brand.

use super::uuid;
use crate::domain::entry::{Entry, Section};
use contracts::catalog::v1::{Brand, BrandCreated};
use fault::Fault;
use prost::Message;

/// The entry that the event makes.
pub fn brand_created(event: BrandCreated) -> Result<Entry, Fault> {
    entry(event.brand.unwrap_or_default())
}

/// The entry of a brand as it is now.
pub(super) fn entry(brand: Brand) -> Result<Entry, Fault> {
    let id = uuid("brand.brand_id", &brand.brand_id)?;
    Ok(Entry {
        section: Section::Brand,
        source_id: id,
        version: brand.version,
        product_id: None,
        body: Some(brand.encode_to_vec()),
        filing: None,
    })
}
