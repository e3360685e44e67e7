//! A product was changed: as at its creation, the event carries the whole product.

use super::product_created;
use crate::domain::entry::Entry;
use contracts::catalog::v1::ProductUpdated;
use fault::Fault;

/// The entry that the event makes.
pub fn product_updated(event: ProductUpdated) -> Result<Entry, Fault> {
    product_created::entry(event.product.unwrap_or_default())
}
