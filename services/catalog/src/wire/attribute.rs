//! Definitions of attributes.

use crate::domain::attribute::{Attribute, Definition, Rules, Type};
use catalog_api::v1 as proto;
use contracts::{Aggregate, Fact};
use convert::{Fields, timestamp};
use fault::Fault;
use kernel::head::{Change, Head};
use pg::entity::Published;
use proto::{
    AttributeConfigChanged, AttributeDeleted, AttributeDraft, AttributeRules, AttributeType, Reason,
};

/// Reads a definition.
pub fn draft(fields: &mut Fields, draft: &AttributeDraft) -> Option<Definition> {
    let rules = draft.rules.clone().unwrap_or_default();
    let allowed_values = fields.names("allowed_values", &draft.allowed_values);
    let code = fields.required_text("code", &draft.code);
    let kind = fields.required("type", type_of(draft.r#type()));
    let name = fields.name("name", &draft.name);
    let unit = fields.optional_name("unit", &draft.unit);
    let pattern = fields.text("rules.pattern", &rules.pattern);
    Some(Definition {
        allowed_values: allowed_values?,
        code: code?,
        r#type: kind?,
        name: name?,
        unit: unit?.unwrap_or_default(),
        variant_defining: draft.variant_defining,
        filterable: draft.filterable,
        facetable: draft.facetable,
        searchable: draft.searchable,
        sortable: draft.sortable,
        show_in_card: draft.show_in_card,
        rules: Rules { min: rules.min, max: rules.max, pattern: pattern? },
    })
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

/// The type; none where it is left out.
pub fn type_of(sent: AttributeType) -> Option<Type> {
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
            attribute_id: attribute.head.id.to_string(),
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
            version: attribute.head.version,
            create_time: Some(timestamp(attribute.head.created_at)),
            update_time: Some(timestamp(attribute.head.updated_at)),
        }
    }
}

impl Published for Attribute {
    const FAMILY: &'static str = proto::Attribute::FAMILY;

    fn head(&self) -> &Head<Self> {
        &self.head
    }

    fn event(&self, change: &Change) -> Fact {
        match change {
            Change::Created | Change::Updated(_) => {
                Fact::from(&AttributeConfigChanged { attribute: Some(self.into()) })
            }
            Change::Deleted => Fact::from(&AttributeDeleted {
                attribute_id: self.head.id.to_string(),
                version: self.head.version,
            }),
        }
    }
}

/// The refusal for a code that no definition of the kind has.
pub fn unknown(code: &str) -> Fault {
    let message = format!("no attribute {code:?} is defined for a value of this kind");
    Fault::field(Reason::UnknownAttribute, "code", message).with("code", code)
}
