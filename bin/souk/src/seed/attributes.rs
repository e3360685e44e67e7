//! Definitions of the attributes that the kinds use.

use super::kinds::{Axis, Fact};
use super::tree;
use catalog_api::v1::{AttributeDraft, AttributeType};
use std::collections::BTreeMap;

/// Units of measurements by the code of their attribute.
pub fn unit(code: &str) -> &'static str {
    match code {
        "screen_size" => "in",
        "storage" => "GB",
        "battery_life" => "h",
        "capacity" => "l",
        "diameter" | "width" | "cutting_depth" => "cm",
        "power" => "W",
        "temperature_limit" => "°C",
        "voltage" => "V",
        "capacity_mah" => "mAh",
        _ => "",
    }
}

/// Every definition, by code.
pub fn definitions() -> Vec<AttributeDraft> {
    let mut drafts: BTreeMap<&str, AttributeDraft> = BTreeMap::new();
    for kind in tree::all() {
        for (code, fact) in kind.facts {
            let draft = drafts.entry(code).or_insert_with(|| draft(code, fact));
            // An attribute that several kinds share allows the values of all of them.
            for value in choices(fact).iter().map(|choice| (*choice).to_owned()) {
                if !draft.allowed_values.contains(&value) {
                    draft.allowed_values.push(value);
                }
            }
        }
        if let Axis::Steps(code, _) = kind.axis {
            let defining =
                AttributeDraft { variant_defining: true, ..draft(code, &Fact::Measure(0, 0)) };
            drafts.insert(code, defining);
        }
    }
    drafts.into_values().collect()
}

fn draft(code: &str, fact: &Fact) -> AttributeDraft {
    let r#type = match fact {
        Fact::Number(..) => AttributeType::Number,
        Fact::Measure(..) => AttributeType::Measurement,
        Fact::Choice(_) => AttributeType::Enum,
        Fact::Text(_) => AttributeType::Text,
        Fact::Flag(_) => AttributeType::Bool,
    };
    let text = matches!(fact, Fact::Choice(_) | Fact::Text(_));
    AttributeDraft {
        code: code.to_owned(),
        r#type: r#type.into(),
        name: name(code),
        unit: unit(code).to_owned(),
        filterable: true,
        facetable: !matches!(fact, Fact::Text(_)),
        searchable: text,
        ..AttributeDraft::default()
    }
}

fn choices(fact: &Fact) -> &'static [&'static str] {
    match fact {
        Fact::Choice(choices) => choices,
        _ => &[],
    }
}

/// The display name of an attribute: `Screen size` for `screen_size`.
fn name(code: &str) -> String {
    let words = code.replace('_', " ");
    let mut rest = words.chars();
    rest.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(rest).collect()
}
