//! Categories.

use crate::domain::category::{Category, Content};
use catalog_api::v1 as proto;
use contracts::{Aggregate, Fact};
use convert::{Fields, text, timestamp};
use kernel::head::{Change, Head};
use pg::entity::Published;
use proto::{CategoryCreated, CategoryDeleted, CategoryDraft, CategoryUpdated};

/// Reads the `named` fields of a draft; the others stay empty.
pub fn draft(fields: &mut Fields, draft: &CategoryDraft, named: &[&str]) -> Content {
    let mut content = Content::default();
    if named.contains(&"key") {
        content.key = fields.name("key", &draft.key).unwrap_or_default();
    }
    if named.contains(&"name") {
        content.name = fields.name("name", &draft.name).unwrap_or_default();
    }
    if named.contains(&"parent_id") {
        content.parent_id = fields.optional_id("parent_id", &draft.parent_id).unwrap_or_default();
    }
    if named.contains(&"low_stock_threshold") {
        content.low_stock_threshold = draft.low_stock_threshold;
    }
    content
}

impl From<&Category> for proto::Category {
    fn from(category: &Category) -> Self {
        let content = &category.content;
        Self {
            category_id: category.head.id.to_string(),
            parent_id: text(content.parent_id.as_ref()),
            key: content.key.clone(),
            name: content.name.clone(),
            version: category.head.version,
            create_time: Some(timestamp(category.head.created_at)),
            update_time: Some(timestamp(category.head.updated_at)),
            low_stock_threshold: content.low_stock_threshold,
        }
    }
}

impl Published for Category {
    const FAMILY: &'static str = proto::Category::FAMILY;

    fn head(&self) -> &Head<Self> {
        &self.head
    }

    fn event(&self, change: &Change) -> Fact {
        match change {
            Change::Created => Fact::from(&CategoryCreated { category: Some(self.into()) }),
            Change::Updated(_) => {
                let changed = change.names();
                Fact::from(&CategoryUpdated { category: Some(self.into()), changed })
            }
            Change::Deleted => Fact::from(&CategoryDeleted {
                category_id: self.head.id.to_string(),
                version: self.head.version,
            }),
        }
    }
}
