//! A category was created: its entry is the whole category.

use super::uuid;
use crate::domain::entry::{Entry, Section};
use contracts::catalog::v1::{Category, CategoryCreated};
use fault::Fault;
use prost::Message;

/// The entry that the event makes.
pub fn category_created(event: CategoryCreated) -> Result<Entry, Fault> {
    entry(event.category.unwrap_or_default())
}

/// The entry of a category as it is now.
pub(super) fn entry(category: Category) -> Result<Entry, Fault> {
    let id = uuid("category.category_id", &category.category_id)?;
    Ok(Entry {
        section: Section::Category,
        source_id: id,
        version: category.version,
        product_id: None,
        body: Some(category.encode_to_vec()),
        filing: None,
    })
}
