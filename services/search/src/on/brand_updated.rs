//! A brand was changed: as at its creation, the event carries the whole brand.

use super::brand_created;
use crate::domain::entry::Entry;
use contracts::catalog::v1::BrandUpdated;
use fault::Fault;

/// The entry that the event makes.
pub fn brand_updated(event: BrandUpdated) -> Result<Entry, Fault> {
    brand_created::entry(event.brand.unwrap_or_default())
}
