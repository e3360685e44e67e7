//! A variant was changed: as at its creation, the event carries the whole variant.

use super::variant_created;
use crate::domain::entry::Entry;
use contracts::catalog::v1::VariantUpdated;
use fault::Fault;

/// The entry that the event makes.
pub fn variant_updated(event: VariantUpdated) -> Result<Entry, Fault> {
    variant_created::entry(event.variant.unwrap_or_default())
}
