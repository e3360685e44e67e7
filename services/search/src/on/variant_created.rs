//! A variant was created: its entry is the whole variant.

use super::uuid;
use crate::domain::entry::{Entry, Section};
use contracts::catalog::v1::{Variant, VariantCreated};
use fault::Fault;
use prost::Message;

/// The entry that the event makes.
pub fn variant_created(event: VariantCreated) -> Result<Entry, Fault> {
    entry(event.variant.unwrap_or_default())
}

/// The entry of a variant as it is now.
pub(super) fn entry(variant: Variant) -> Result<Entry, Fault> {
    let id = uuid("variant.variant_id", &variant.variant_id)?;
    Ok(Entry {
        section: Section::Variant,
        source_id: id,
        version: variant.version,
        product_id: Some(uuid("variant.product_id", &variant.product_id)?),
        body: Some(variant.encode_to_vec()),
        filing: None,
    })
}
