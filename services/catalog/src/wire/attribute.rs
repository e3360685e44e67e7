//! Definitions of attributes.

use super::{proto, text, time};
use crate::domain::attribute::{Attribute, Definition, Rules, Type};
use contracts::Fact;
use contracts::catalog::v1::{
    AttributeConfigChanged, AttributeDraft, AttributeRules, AttributeType,
};
use fault::{Common, Fault, Fields};

/// Reads a definition.
pub fn draft(draft: &AttributeDraft) -> Result<Definition, Fault> {
    let mut fields = Fields::default();
    let Some(kind) = type_of(draft.r#type()) else {
        return Err(Fault::field(Common::InvalidField, "attribute.type", "is needed"));
    };
    let rules = draft.rules.clone().unwrap_or_default();
    let path = "attribute.allowed_values";
    let allowed = draft.allowed_values.iter().map(|own| text::plain(&mut fields, path, own));
    let definition = Definition {
        allowed_values: allowed.collect(),
        code: text::required(&mut fields, "attribute.code", &draft.code),
        r#type: kind,
        name: text::required(&mut fields, "attribute.name", &draft.name),
        unit: text::plain(&mut fields, "attribute.unit", &draft.unit),
        variant_defining: draft.variant_defining,
        filterable: draft.filterable,
        facetable: draft.facetable,
        searchable: draft.searchable,
        sortable: draft.sortable,
        show_in_card: draft.show_in_card,
        rules: Rules {
            min: rules.min,
            max: rules.max,
            pattern: text::plain(&mut fields, "attribute.rules.pattern", &rules.pattern),
        },
    };
    fields.finish()?;
    Ok(definition)
}

const TYPES: [(AttributeType, Type); 13] = [
    (AttributeType::Text, Type::Text),
    (AttributeType::Number, Type::Number),
    (AttributeType::Bool, Type::Bool),
    (AttributeType::Enum, Type::Enum),
    (AttributeType::MultiEnum, Type::MultiEnum),
    (AttributeType::Date, Type::Date),
    (AttributeType::Color, Type::Color),
    (AttributeType::Size, Type::Size),
    (AttributeType::Money, Type::Money),
    (AttributeType::Measurement, Type::Measurement),
    (AttributeType::Reference, Type::Reference),
    (AttributeType::Localized, Type::Localized),
    (AttributeType::Json, Type::Json),
];

fn type_of(sent: AttributeType) -> Option<Type> {
    TYPES.iter().find(|(own, _)| *own == sent).map(|(_, own)| *own)
}

fn message_of(own: Type) -> AttributeType {
    TYPES
        .iter()
        .find(|(_, known)| *known == own)
        .map_or(AttributeType::Unspecified, |(sent, _)| *sent)
}

impl From<&Attribute> for proto::Attribute {
    fn from(attribute: &Attribute) -> Self {
        let own = &attribute.definition;
        let Rules { min, max, pattern } = own.rules.clone();
        let bare = own.rules == Rules::default();
        Self {
            attribute_id: attribute.id.to_string(),
            definition: Some(AttributeDraft {
                code: own.code.clone(),
                r#type: message_of(own.r#type).into(),
                name: own.name.clone(),
                unit: own.unit.clone(),
                allowed_values: own.allowed_values.clone(),
                variant_defining: own.variant_defining,
                filterable: own.filterable,
                facetable: own.facetable,
                searchable: own.searchable,
                sortable: own.sortable,
                show_in_card: own.show_in_card,
                rules: if bare { None } else { Some(AttributeRules { min, max, pattern }) },
            }),
            version: attribute.version,
            create_time: time::timestamp(attribute.created_at),
            update_time: time::timestamp(attribute.updated_at),
        }
    }
}

/// The event that tells of a change, whichever it was.
pub fn fact(attribute: &Attribute) -> Fact {
    Fact::from(&AttributeConfigChanged { attribute: Some(attribute.into()) })
}

/// Its version and digest.
pub fn version(attribute: &Attribute) -> proto::AggregateVersion {
    let message = || proto::Attribute::from(attribute);
    super::versioned(attribute.id, attribute.version, false, message)
}
