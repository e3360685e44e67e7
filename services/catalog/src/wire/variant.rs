//! Variants.

use super::{free, value};
use crate::domain::value::CodedValue;
use crate::domain::variant::{Content, Tier1, Variant};
use catalog_api::v1 as proto;
use contracts::{Aggregate, Fact};
use convert::{Fields, timestamp};
use kernel::head::{Change, Head};
use pg::entity::Published;
use proto::{ItemState, ResolvedItem, Tier1Attributes};
use proto::{VariantCreated, VariantDeleted, VariantDraft, VariantUpdated};

/// Reads the `named` fields of a draft; the others stay empty. The values of attributes come back beside the content, since their
/// definitions are not known yet.
pub fn draft(
    fields: &mut Fields,
    draft: &VariantDraft,
    named: &[&str],
) -> (Content, Vec<CodedValue>) {
    let mut content = Content::default();
    let mut given = Vec::new();
    let has = |field| named.contains(&field);
    if has("tier1_attributes")
        && let Some(sent) = &draft.tier1_attributes
    {
        content.tier1 = fields.within("tier1_attributes", |fields| tier1(fields, sent));
    }
    if has("tier2_attributes") {
        given = value::given(fields, "tier2_attributes", &draft.tier2_attributes);
    }
    if has("specifications") {
        let sent = draft.specifications.as_ref();
        content.specifications = free::free(fields, "specifications", sent);
    }
    if has("marketing_content") {
        let sent = draft.marketing_content.as_ref();
        content.marketing_content = free::free(fields, "marketing_content", sent);
    }
    (content, given)
}

fn tier1(fields: &mut Fields, sent: &Tier1Attributes) -> Tier1 {
    let mut read =
        |name: &str, own: &str| fields.optional_name(name, own).flatten().unwrap_or_default();
    Tier1 {
        color: read("color", &sent.color),
        size: read("size", &sent.size),
        material: read("material", &sent.material),
        gender: read("gender", &sent.gender),
        age_group: read("age_group", &sent.age_group),
        weight_grams: sent.weight_grams,
    }
}

impl From<&Variant> for proto::Variant {
    fn from(variant: &Variant) -> Self {
        let content = &variant.content;
        let tier1 = &content.tier1;
        Self {
            variant_id: variant.head.id.to_string(),
            product_id: variant.product_id.to_string(),
            sku: variant.sku.to_string(),
            tier1_attributes: Some(Tier1Attributes {
                color: tier1.color.clone(),
                size: tier1.size.clone(),
                material: tier1.material.clone(),
                gender: tier1.gender.clone(),
                age_group: tier1.age_group.clone(),
                weight_grams: tier1.weight_grams,
            }),
            tier2_attributes: value::messages(&content.values),
            specifications: free::message(&content.specifications),
            marketing_content: free::message(&content.marketing_content),
            version: variant.head.version,
            create_time: Some(timestamp(variant.head.created_at)),
            update_time: Some(timestamp(variant.head.updated_at)),
        }
    }
}

impl Published for Variant {
    const FAMILY: &'static str = proto::Variant::FAMILY;

    fn head(&self) -> &Head<Self> {
        &self.head
    }

    fn event(&self, change: &Change) -> Fact {
        match change {
            Change::Created => Fact::from(&VariantCreated { variant: Some(self.into()) }),
            Change::Updated(_) => {
                let changed = change.names();
                Fact::from(&VariantUpdated { variant: Some(self.into()), changed })
            }
            Change::Deleted => Fact::from(&VariantDeleted {
                variant_id: self.head.id.to_string(),
                version: self.head.version,
                product_id: self.product_id.to_string(),
                sku: self.sku.to_string(),
            }),
        }
    }
}

/// An item of which only the requested name is known.
pub fn unknown(sku: &str, product_id: &str) -> ResolvedItem {
    ResolvedItem {
        sku: sku.to_owned(),
        product_id: product_id.to_owned(),
        variant_id: String::new(),
        state: ItemState::Unknown.into(),
    }
}

/// Whether an item that was once there still is.
pub fn state(deleted: bool) -> i32 {
    if deleted { ItemState::Deleted.into() } else { ItemState::Live.into() }
}
