//! Tier 2: typed values of defined attributes.

use super::attribute::Attribute;
use super::free::{self, Free};
use super::kind::Kind;
use chrono::{Datelike, NaiveDate};
use kernel::id::Id;
use kernel::money::Money;
use kernel::name::fold;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Of kind text.
    Text(String),
    /// Of kind number; never a negative zero, which the database does not keep everywhere.
    Number(f64),
    /// Of kind bool.
    Bool(bool),
    /// Of kind date.
    Date(NaiveDate),
    /// Of kind texts, in the caller's order.
    Texts(Vec<String>),
    /// Of kind money.
    Money(Money),
    /// Of kind localized: language and text, in the caller's order.
    Localized(Vec<(String, String)>),
    /// Of kind json.
    Json(Free),
}

impl Value {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Number(_) => Kind::Number,
            Self::Bool(_) => Kind::Bool,
            Self::Date(_) => Kind::Date,
            Self::Texts(_) => Kind::Texts,
            Self::Money(_) => Kind::Money,
            Self::Localized(_) => Kind::Localized,
            Self::Json(_) => Kind::Json,
        }
    }

    /// Bytes by which it differs from others; texts as names are compared.
    fn canonical(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => free::text(&fold(text), out),
            Self::Number(number) => out.extend(number.to_be_bytes()),
            Self::Bool(flag) => out.push(u8::from(*flag)),
            Self::Date(day) => out.extend(day.num_days_from_ce().to_be_bytes()),
            Self::Texts(texts) => {
                free::length(texts.len(), out);
                texts.iter().for_each(|text| free::text(&fold(text), out));
            }
            Self::Money(money) => {
                free::text(money.currency.code(), out);
                out.extend(money.minor.to_be_bytes());
            }
            Self::Localized(entries) => {
                free::length(entries.len(), out);
                for (language, text) in entries {
                    free::text(language, out);
                    free::text(&fold(text), out);
                }
            }
            Self::Json(own) => own.canonical(out),
        }
    }
}

/// A value as a caller names it, before its definition was looked up.
#[derive(Debug, Clone, PartialEq)]
pub struct CodedValue {
    /// Code of the attribute.
    pub code: String,
    /// The value.
    pub value: Value,
}

/// A value that follows its definition.
#[derive(Debug, Clone)]
pub struct Held {
    /// The definition.
    pub attribute_id: Id<Attribute>,
    /// Its code.
    pub code: String,
    /// Whether variants of one product differ by it.
    pub defining: bool,
    /// The value.
    pub value: Value,
}

impl PartialEq for Held {
    /// Code and `defining` belong to the definition, not to the value.
    fn eq(&self, other: &Self) -> bool {
        self.attribute_id == other.attribute_id && self.value == other.value
    }
}

/// The values of one owner: at most one for each definition, by code and kind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Values(Vec<Held>);

impl Values {
    /// Puts values that name each definition at most once into their order.
    pub fn new(mut held: Vec<Held>) -> Self {
        held.sort_by(|left, right| order(left).cmp(&order(right)));
        Self(held)
    }

    /// The values in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Held> {
        self.0.iter()
    }

    /// The values with a text of an attribute renamed, wherever it is; one that a list has already comes once.
    #[must_use]
    pub fn renamed(&self, attribute: Id<Attribute>, from: &str, to: &str) -> Self {
        let mut all = self.0.clone();
        for held in all.iter_mut().filter(|held| held.attribute_id == attribute) {
            match &mut held.value {
                Value::Text(text) if text == from => to.clone_into(text),
                Value::Texts(texts) if texts.iter().any(|text| text == to) => {
                    texts.retain(|text| text != from);
                }
                Value::Texts(texts) => {
                    for text in texts.iter_mut().filter(|text| *text == from) {
                        to.clone_into(text);
                    }
                }
                _ => {}
            }
        }
        Self(all)
    }

    /// The values without that of an attribute.
    #[must_use]
    pub fn without(&self, attribute: Id<Attribute>) -> Self {
        Self(self.0.iter().filter(|held| held.attribute_id != attribute).cloned().collect())
    }

    /// Appends the bytes by which variants differ: those of the variant-defining values.
    pub fn defining(&self, out: &mut Vec<u8>) {
        for held in self.0.iter().filter(|held| held.defining) {
            free::text(&held.code, out);
            free::text(held.value.kind().name(), out);
            held.value.canonical(out);
        }
    }
}

fn order(held: &Held) -> (&str, Kind) {
    (&held.code, held.value.kind())
}
