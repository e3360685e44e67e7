//! Categories.

use super::{optional_id, proto, text, time};
use crate::domain::category::{Category, Content};
use crate::domain::change::Change;
use contracts::Fact;
use contracts::catalog::v1::{CategoryCreated, CategoryDeleted, CategoryDraft, CategoryUpdated};
use fault::{Fault, Fields};

/// Reads the `named` fields of a draft; the others stay empty.
pub fn draft(draft: &CategoryDraft, named: &[&str]) -> Result<Content, Fault> {
    let mut fields = Fields::default();
    let mut content = Content::default();
    if named.contains(&"key") {
        content.key = text::required(&mut fields, "category.key", &draft.key);
    }
    if named.contains(&"name") {
        content.name = text::required(&mut fields, "category.name", &draft.name);
    }
    if named.contains(&"parent_id") {
        content.parent_id = optional_id("category.parent_id", &draft.parent_id)?;
    }
    fields.finish()?;
    Ok(content)
}

impl From<&Category> for proto::Category {
    fn from(category: &Category) -> Self {
        let content = &category.content;
        Self {
            category_id: category.id.to_string(),
            parent_id: content.parent_id.map(|id| id.to_string()).unwrap_or_default(),
            key: content.key.clone(),
            name: content.name.clone(),
            version: category.version,
            create_time: time::timestamp(category.created_at),
            update_time: time::timestamp(category.updated_at),
        }
    }
}

/// The event that tells of a change.
pub fn fact(category: &Category, change: &Change) -> Fact {
    match change {
        Change::Created => Fact::from(&CategoryCreated { category: Some(category.into()) }),
        Change::Updated(changed) => Fact::from(&CategoryUpdated {
            category: Some(category.into()),
            changed: changed.iter().map(ToString::to_string).collect(),
        }),
        Change::Deleted => Fact::from(&CategoryDeleted {
            category_id: category.id.to_string(),
            version: category.version,
        }),
    }
}

/// Its version and digest.
pub fn version(category: &Category) -> proto::AggregateVersion {
    let message = || proto::Category::from(category);
    super::versioned(category.id, category.version, category.deleted_at.is_some(), message)
}
