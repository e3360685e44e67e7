//! Variants.

use super::{free, proto, text, time, value};
use crate::domain::change::Change;
use crate::domain::value::Given;
use crate::domain::variant::{Content, Tier1, Variant};
use contracts::Fact;
use contracts::catalog::v1::{ItemState, ResolvedItem, VariantUpdated};
use contracts::catalog::v1::{Tier1Attributes, VariantCreated, VariantDeleted, VariantDraft};
use fault::{Common, Fault, Fields};
use kernel::sku::Sku;

/// Reads the SKU of a new variant.
pub fn sku(path: &str, text: &str) -> Result<Sku, Fault> {
    Sku::parse(text).map_err(|error| {
        Fault::field(Common::InvalidField, format!("{path}.sku"), error.to_string())
    })
}

/// Reads the `named` fields of a draft that stands at `path`; the others stay empty. The values of attributes come back beside
/// the content, since their definitions are not known yet.
pub fn draft(
    path: &str,
    draft: &VariantDraft,
    named: &[&str],
) -> Result<(Content, Vec<Given>), Fault> {
    let mut fields = Fields::default();
    let mut content = Content::default();
    let mut given = Vec::new();
    let has = |field| named.contains(&field);
    if has("tier1_attributes")
        && let Some(sent) = &draft.tier1_attributes
    {
        content.tier1 = tier1(&mut fields, &format!("{path}.tier1_attributes"), sent);
    }
    if has("tier2_attributes") {
        let path = format!("{path}.tier2_attributes");
        given = value::given(&mut fields, &path, &draft.tier2_attributes)?;
    }
    if has("specifications") {
        let sent = draft.specifications.as_ref();
        content.specifications = free::free(&mut fields, &format!("{path}.specifications"), sent);
    }
    if has("marketing_content") {
        let (path, sent) = (format!("{path}.marketing_content"), draft.marketing_content.as_ref());
        content.marketing_content = free::free(&mut fields, &path, sent);
    }
    fields.finish()?;
    Ok((content, given))
}

fn tier1(fields: &mut Fields, path: &str, sent: &Tier1Attributes) -> Tier1 {
    let mut read = |name: &str, own: &str| text::plain(fields, &format!("{path}.{name}"), own);
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
            variant_id: variant.id.to_string(),
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
            version: variant.version,
            create_time: time::timestamp(variant.created_at),
            update_time: time::timestamp(variant.updated_at),
        }
    }
}

/// The event that tells of a change.
pub fn fact(variant: &Variant, change: &Change) -> Fact {
    match change {
        Change::Created => Fact::from(&VariantCreated { variant: Some(variant.into()) }),
        Change::Updated(changed) => Fact::from(&VariantUpdated {
            variant: Some(variant.into()),
            changed: changed.iter().map(ToString::to_string).collect(),
        }),
        Change::Deleted => Fact::from(&VariantDeleted {
            variant_id: variant.id.to_string(),
            version: variant.version,
            product_id: variant.product_id.to_string(),
            sku: variant.sku.to_string(),
        }),
    }
}

/// An item of which nothing is known but how it was asked for.
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

/// Its version and digest.
pub fn version(variant: &Variant) -> proto::AggregateVersion {
    let message = || proto::Variant::from(variant);
    super::versioned(variant.id, variant.version, variant.deleted_at.is_some(), message)
}
