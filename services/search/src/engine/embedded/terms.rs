//! The bytes under which brands, categories, attribute values, and apart from them stock, stand in a segment's dictionaries.
//!
//! A dictionary is sorted, and a document's values are positions in it. So the bytes are made
//! such that the values of one facet are neighbours, in the order the facet shows them: whatever
//! a filter accepts and whatever a facet counts is one interval of positions.

use std::ops::Range;

use chrono::NaiveDate;
use kernel::currency::Currency;
use tantivy::columnar::MonotonicallyMappableToU64;
use uuid::Uuid;

use crate::engine::document::{AttributeKind, AttributeValue};
use crate::engine::hits::FacetValue;
use crate::engine::query::{AttributeCondition, AttributeFilter, Facet};

/// Only the first bytes of longer texts are compared: texts this long are no facet values.
const MAX_TEXT_BYTES: usize = 1_000;

const BRAND: u8 = b'B';
const CATEGORY: u8 = b'C';
const ATTRIBUTE: u8 = b'A';
const TRACKED: u8 = b't';
const ANYWHERE: u8 = b'a';
const WAREHOUSE: u8 = b'w';
const UUID_BYTES: usize = 16;
const CURRENCY_BYTES: usize = 3;

/// All terms from the start on and before the end.
pub type Span = Range<Vec<u8>>;

/// The term of a brand. The name is part of it, so that a facet needs no other place to find it.
pub fn brand(brand_id: Uuid, name: &str) -> Vec<u8> {
    [&[BRAND], brand_id.as_bytes().as_slice(), cut(name).as_bytes()].concat()
}

/// The term of a category.
pub fn category(category_id: Uuid) -> Vec<u8> {
    [&[CATEGORY], category_id.as_bytes().as_slice()].concat()
}

/// The term of an attribute's value; `None` for what is not a number.
pub fn attribute(code: &str, value: &AttributeValue) -> Option<Vec<u8>> {
    let mut term = attribute_prefix(code, value.kind());
    match value {
        AttributeValue::Text(text) => term.extend(cut(text).as_bytes()),
        AttributeValue::Number(number) if number.is_nan() => return None,
        AttributeValue::Number(number) => term.extend(number_key(*number)),
        AttributeValue::Bool(bool) => term.push(u8::from(*bool)),
        AttributeValue::Date(date) => term.extend(date_key(*date)),
        AttributeValue::Money { currency, minor_units } => {
            term.extend(currency.code().as_bytes());
            term.extend(amount_key(*minor_units));
        }
    }
    Some(term)
}

/// The term of products of whose stock anything is known.
pub fn tracked() -> Vec<u8> {
    vec![TRACKED]
}

/// The term of variants that are in stock in a warehouse, or in any.
pub fn in_stock(warehouse: Option<&str>) -> Vec<u8> {
    match warehouse {
        Some(name) => [&[WAREHOUSE], cut(name).as_bytes()].concat(),
        None => vec![ANYWHERE],
    }
}

/// That term, as a span.
pub fn in_stock_span(warehouse: Option<&str>) -> Span {
    exactly(in_stock(warehouse))
}

/// The term of tracked products, as a span.
pub fn tracked_span() -> Span {
    exactly(tracked())
}

/// The terms of a brand under whatever names its products give it.
pub fn brand_span(brand_id: Uuid) -> Span {
    let from = brand(brand_id, "");
    let until = [from.as_slice(), &[u8::MAX]].concat();
    from..until
}

/// The term of a category, as a span.
pub fn category_span(category_id: Uuid) -> Span {
    exactly(category(category_id))
}

/// The terms that an attribute filter accepts.
pub fn attribute_spans(filter: &AttributeFilter) -> Vec<Span> {
    let prefix = |kind| attribute_prefix(&filter.code, kind);
    let span = match &filter.condition {
        AttributeCondition::AnyOf(values) => {
            let terms = values.iter().filter_map(|value| attribute(&filter.code, value));
            return terms.map(exactly).collect();
        }
        AttributeCondition::NumberBetween { min, max } => {
            span_between(prefix(AttributeKind::Number), min.map(number_key), max.map(number_key))
        }
        AttributeCondition::DateBetween { min, max } => {
            span_between(prefix(AttributeKind::Date), min.map(date_key), max.map(date_key))
        }
        AttributeCondition::MoneyBetween { currency, min, max } => {
            let prefix = [prefix(AttributeKind::Money), currency.code().into()].concat();
            span_between(prefix, min.map(amount_key), max.map(amount_key))
        }
    };
    vec![span]
}

/// The terms that a facet counts; `None` for prices, which are no terms, and for stock, of which what is missing counts too.
pub fn facet_span(facet: &Facet) -> Option<Span> {
    match facet {
        Facet::Brand => Some(prefix_span(vec![BRAND])),
        Facet::Category => Some(prefix_span(vec![CATEGORY])),
        Facet::Price(_) | Facet::InStock => None,
        Facet::Attribute { code, kind } => Some(prefix_span(attribute_prefix(code, *kind))),
    }
}

/// The value of a term that a facet's span holds; `None` if the bytes are none of ours.
pub fn facet_value(facet: &Facet, term: &[u8]) -> Option<FacetValue> {
    match facet {
        Facet::Price(_) | Facet::InStock => None,
        Facet::Brand => {
            let (brand_id, name) = term.get(1..)?.split_at_checked(UUID_BYTES)?;
            Some(FacetValue::Brand {
                brand_id: Uuid::from_slice(brand_id).ok()?,
                name: String::from_utf8(name.to_vec()).ok()?,
            })
        }
        Facet::Category => Some(FacetValue::Category(Uuid::from_slice(term.get(1..)?).ok()?)),
        Facet::Attribute { code, kind } => {
            let value = term.get(attribute_prefix(code, *kind).len()..)?;
            attribute_value(*kind, value).map(FacetValue::Attribute)
        }
    }
}

fn attribute_value(kind: AttributeKind, bytes: &[u8]) -> Option<AttributeValue> {
    Some(match kind {
        AttributeKind::Text => AttributeValue::Text(String::from_utf8(bytes.to_vec()).ok()?),
        AttributeKind::Number => {
            AttributeValue::Number(f64::from_u64(u64::from_be_bytes(bytes.try_into().ok()?)))
        }
        AttributeKind::Bool => AttributeValue::Bool(*bytes.first()? != 0),
        AttributeKind::Date => {
            let days = i64::from_u64(u64::from_be_bytes(bytes.try_into().ok()?));
            AttributeValue::Date(NaiveDate::from_num_days_from_ce_opt(i32::try_from(days).ok()?)?)
        }
        AttributeKind::Money => {
            let (code, amount) = bytes.split_at_checked(CURRENCY_BYTES)?;
            AttributeValue::Money {
                currency: Currency::parse(std::str::from_utf8(code).ok()?).ok()?,
                minor_units: i64::from_u64(u64::from_be_bytes(amount.try_into().ok()?)),
            }
        }
    })
}

/// The code's length goes first, lest one code's values lie amid those of a code it begins.
fn attribute_prefix(code: &str, kind: AttributeKind) -> Vec<u8> {
    let code = cut(code).as_bytes();
    let kind = match kind {
        AttributeKind::Text => b't',
        AttributeKind::Number => b'n',
        AttributeKind::Bool => b'b',
        AttributeKind::Date => b'd',
        AttributeKind::Money => b'm',
    };
    let [high, low] = (code.len() as u16).to_be_bytes();
    [&[ATTRIBUTE, high, low], code, &[kind]].concat()
}

fn number_key(number: f64) -> [u8; 8] {
    // The sum turns -0 into 0, so that both are one value.
    (number + 0.0).to_u64().to_be_bytes()
}

fn date_key(date: NaiveDate) -> [u8; 8] {
    use chrono::Datelike;
    i64::from(date.num_days_from_ce()).to_u64().to_be_bytes()
}

fn amount_key(minor_units: i64) -> [u8; 8] {
    minor_units.to_u64().to_be_bytes()
}

/// Whether the span holds no term but the one it starts with.
pub fn is_one_term(span: &Span) -> bool {
    span.end.split_last() == Some((&0, span.start.as_slice()))
}

fn exactly(term: Vec<u8>) -> Span {
    let next = [term.as_slice(), &[0]].concat();
    term..next
}

/// The terms that begin so and go on with a key from the one to the other.
fn span_between(prefix: Vec<u8>, min: Option<[u8; 8]>, max: Option<[u8; 8]>) -> Span {
    let all = prefix_span(prefix.clone());
    let from = min.map_or(all.start, |min| [prefix.as_slice(), &min].concat());
    let until = max.map_or(all.end, |max| exactly([prefix.as_slice(), &max].concat()).end);
    from..until
}

/// All terms that begin so; the last byte is a letter of ours, so one more is no overflow.
fn prefix_span(prefix: Vec<u8>) -> Span {
    let mut until = prefix.clone();
    if let Some(last) = until.last_mut() {
        *last += 1;
    }
    prefix..until
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}
