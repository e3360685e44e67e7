//! What many documents share: brands, categories, which attributes may be searched by, and which warehouses ship.

use crate::engine::document::AttributeKind;
use catalog_api::v1::attribute_value::Value;
use catalog_api::v1::{AttributeDraft, AttributeType, AttributeValue};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Brands, categories, attributes and warehouses as they are now.
#[derive(Debug, Default)]
pub struct Shared {
    /// Names of brands.
    pub brands: HashMap<Uuid, String>,
    /// The category above each category, if there is one.
    pub parents: HashMap<Uuid, Option<Uuid>>,
    /// Names of categories.
    pub categories: HashMap<Uuid, String>,
    /// Warehouses that ship.
    pub warehouses: HashSet<Uuid>,
    attributes: HashMap<(String, AttributeKind), Uses>,
    /// Attributes whose texts are searched.
    searched: HashSet<(String, TextForm)>,
}

/// The fields of a value that hold texts. One code may be defined once for each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum TextForm {
    One,
    Several,
    Localized,
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
        if let (Some(form), true) = (text_form(definition.r#type()), definition.searchable) {
            self.searched.insert((definition.code.clone(), form));
        }
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

    /// The texts of a value that words are looked for in; none where its definition does not say so.
    pub fn searched<'v>(&self, attribute: &'v AttributeValue) -> Vec<&'v str> {
        let (form, texts): (_, Vec<&str>) = match &attribute.value {
            Some(Value::Text(text)) => (TextForm::One, vec![text]),
            Some(Value::Texts(texts)) => {
                (TextForm::Several, texts.values.iter().map(String::as_str).collect())
            }
            Some(Value::Localized(localized)) => {
                let texts = localized.entries.iter().map(|entry| entry.text.as_str());
                (TextForm::Localized, texts.collect())
            }
            _ => return Vec::new(),
        };
        match self.searched.contains(&(attribute.code.clone(), form)) {
            true => texts,
            false => Vec::new(),
        }
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

/// Whether values of a type may be searched by their words.
pub fn may_be_searched(of: AttributeType) -> bool {
    text_form(of).is_some()
}

/// Where a type holds the texts that may be searched.
fn text_form(of: AttributeType) -> Option<TextForm> {
    match of {
        AttributeType::Text | AttributeType::Enum | AttributeType::Color | AttributeType::Size => {
            Some(TextForm::One)
        }
        AttributeType::MultiEnum => Some(TextForm::Several),
        AttributeType::Localized => Some(TextForm::Localized),
        AttributeType::Number
        | AttributeType::Measurement
        | AttributeType::Bool
        | AttributeType::Date
        | AttributeType::Money
        | AttributeType::Reference
        | AttributeType::Json
        | AttributeType::Unspecified => None,
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
