//! An attribute was defined or changed: its entry says whether search may filter and count by it.

use super::uuid;
use crate::domain::entry::{Entry, Section};
use contracts::catalog::v1::AttributeConfigChanged;
use fault::Fault;
use prost::Message;

/// The entry that the event makes.
pub fn attribute_config_changed(event: AttributeConfigChanged) -> Result<Entry, Fault> {
    let attribute = event.attribute.unwrap_or_default();
    Ok(Entry {
        section: Section::Attribute,
        source_id: uuid("attribute.attribute_id", &attribute.attribute_id)?,
        version: attribute.version,
        product_id: None,
        body: Some(attribute.encode_to_vec()),
        filing: None,
    })
}
