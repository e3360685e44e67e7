//! What many documents share: brands, categories, and which attributes may be searched by.

use crate::engine::document::AttributeKind;
use catalog_api::v1::{AttributeDraft, AttributeType};
use std::collections::HashMap;
use uuid::Uuid;

/// Brands, categories and attributes as they are now.
#[derive(Debug, Default)]
pub struct Shared {
    /// Names of brands.
    pub brands: HashMap<Uuid, String>,
    /// The category above each category, if there is one.
    pub parents: HashMap<Uuid, Option<Uuid>>,
    /// Names of categories.
    pub categories: HashMap<Uuid, String>,
    attributes: HashMap<(String, AttributeKind), Uses>,
}

#[derive(Debug, Clone, Copy)]
struct Uses {
    filter: bool,
    facet: bool,
}

/// Codes of tier 1, with which filters and facets name its attributes.
pub const TIER1_TEXTS: [&str; 5] = ["color", "size", "material", "gender", "age_group"];
/// The one number of tier 1.
pub const TIER1_NUMBER: &str = "weight_grams";

impl Shared {
    /// A category and all that are above it. A circle, which events in a bad order can show for a moment, ends the walk.
    pub fn line(&self, category: Uuid) -> Vec<Uuid> {
        let mut line = vec![category];
        let mut at = category;
        while let Some(Some(parent)) = self.parents.get(&at) {
            if line.contains(parent) {
                break;
            }
            line.push(*parent);
            at = *parent;
        }
        line
    }

    /// Notes what a definition allows.
    pub fn allow(&mut self, definition: AttributeDraft) {
        let Some(kind) = kind(definition.r#type()) else { return };
        let uses = Uses { filter: definition.filterable, facet: definition.facetable };
        self.attributes.insert((definition.code, kind), uses);
    }

    /// Whether searches may filter by an attribute.
    pub fn may_filter(&self, code: &str, kind: AttributeKind) -> bool {
        is_tier1(code, kind) || self.uses(code, kind).is_some_and(|uses| uses.filter)
    }

    /// Whether searches may count an attribute.
    pub fn may_count(&self, code: &str, kind: AttributeKind) -> bool {
        is_tier1(code, kind) || self.uses(code, kind).is_some_and(|uses| uses.facet)
    }

    fn uses(&self, code: &str, kind: AttributeKind) -> Option<Uses> {
        self.attributes.get(&(code.to_owned(), kind)).copied()
    }
}

fn is_tier1(code: &str, kind: AttributeKind) -> bool {
    match kind {
        AttributeKind::Text => TIER1_TEXTS.contains(&code),
        AttributeKind::Number => code == TIER1_NUMBER,
        AttributeKind::Bool | AttributeKind::Date | AttributeKind::Money => false,
    }
}

/// The kind of value that search filters, counts and sorts by; none for types without one.
fn kind(of: AttributeType) -> Option<AttributeKind> {
    match of {
        AttributeType::Text
        | AttributeType::Enum
        | AttributeType::MultiEnum
        | AttributeType::Color
        | AttributeType::Size
        | AttributeType::Reference => Some(AttributeKind::Text),
        AttributeType::Number | AttributeType::Measurement => Some(AttributeKind::Number),
        AttributeType::Bool => Some(AttributeKind::Bool),
        AttributeType::Date => Some(AttributeKind::Date),
        AttributeType::Money => Some(AttributeKind::Money),
        AttributeType::Localized | AttributeType::Json | AttributeType::Unspecified => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_of_categories_ends() {
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let shared = Shared { parents: [(a, Some(b)), (b, Some(a))].into(), ..Shared::default() };
        assert_eq!(shared.line(a), [a, b]);
    }

    #[test]
    fn one_code_of_two_kinds_is_two_attributes() {
        let mut shared = Shared::default();
        shared.allow(AttributeDraft {
            code: "capacity".into(),
            r#type: AttributeType::Number.into(),
            filterable: true,
            ..AttributeDraft::default()
        });
        assert!(shared.may_filter("capacity", AttributeKind::Number));
        assert!(!shared.may_filter("capacity", AttributeKind::Text));
        assert!(!shared.may_count("capacity", AttributeKind::Number));
        assert!(shared.may_count("color", AttributeKind::Text));
    }
}
