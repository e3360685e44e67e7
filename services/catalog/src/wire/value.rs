//! Values of attributes.

use super::free;
use crate::domain::free::Free;
use crate::domain::value::{CodedValue, Held, Value, Values};
use catalog_api::v1 as proto;
use chrono::NaiveDate;
use convert::{Fields, money};
use fault::Common;
use kernel::name::{is_language, language};
use proto::attribute_value::Value as Sent;
use proto::{LocalizedEntry, LocalizedText, Reason, TextList};
use std::collections::HashSet;

/// Reads values; what is wrong with them beyond the contract's rules is refused, some of it for a reason of its own.
pub fn given(fields: &mut Fields, path: &str, values: &[proto::AttributeValue]) -> Vec<CodedValue> {
    let given = fields.each(path, values, |fields, sent| match &sent.value {
        Some(value) => Some(CodedValue { code: sent.code.clone(), value: read(fields, value)? }),
        None => fields.refuse(Common::InvalidField, "", "needs a value"),
    });
    given.unwrap_or_default()
}

fn read(fields: &mut Fields, sent: &Sent) -> Option<Value> {
    Some(match sent {
        Sent::Text(own) => Value::Text(fields.text("text", own)?),
        Sent::Number(number) => Value::Number(if *number == 0.0 { 0.0 } else { *number }),
        Sent::Boolean(flag) => Value::Bool(*flag),
        Sent::Date(day) => match NaiveDate::parse_from_str(day, "%Y-%m-%d") {
            Ok(day) => Value::Date(day),
            Err(_) => {
                let message = "is no day of the calendar";
                return fields.refuse(Reason::AttributeValueInvalid, "date", message);
            }
        },
        Sent::Texts(list) => Value::Texts(fields.texts("texts.values", &list.values)?),
        Sent::Money(money) => {
            let amount = fields.money("money", Some(money))?;
            if amount.minor < 0 {
                let message = "must not be negative";
                return fields.refuse(Reason::AttributeValueInvalid, "money", message);
            }
            Value::Money(amount)
        }
        Sent::Localized(localized) => {
            let mut languages = HashSet::new();
            let mut all = localized.entries.iter().map(|entry| language(&entry.language));
            if !all.all(|own| languages.insert(own)) {
                let message = "has two texts in one language";
                return fields.refuse(Reason::AttributeValueInvalid, "localized", message);
            }
            Value::Localized(fields.each(
                "localized.entries",
                &localized.entries,
                |fields, entry| {
                    let language = fields.name("language", &language(&entry.language));
                    let language = language.and_then(|own| match is_language(&own) {
                        true => Some(own),
                        false => {
                            let message = "is no tag of a language such as de or sr-Latn-RS";
                            fields.refuse(Reason::AttributeValueInvalid, "language", message)
                        }
                    });
                    let text = fields.text("text", &entry.text);
                    language.zip(text)
                },
            )?)
        }
        Sent::Json(own) => Value::Json(Free(free::object(fields, "json", own))),
    })
}

/// Writes values in their order.
pub fn messages(values: &Values) -> Vec<proto::AttributeValue> {
    values.iter().map(message).collect()
}

fn message(held: &Held) -> proto::AttributeValue {
    let value = match &held.value {
        Value::Text(text) => Sent::Text(text.clone()),
        Value::Number(number) => Sent::Number(*number),
        Value::Bool(flag) => Sent::Boolean(*flag),
        Value::Date(day) => Sent::Date(day.format("%Y-%m-%d").to_string()),
        Value::Texts(texts) => Sent::Texts(TextList { values: texts.clone() }),
        Value::Money(amount) => Sent::Money(money(*amount)),
        Value::Localized(entries) => {
            let entries = entries.iter().map(|(language, text)| LocalizedEntry {
                language: language.clone(),
                text: text.clone(),
            });
            Sent::Localized(LocalizedText { entries: entries.collect() })
        }
        Value::Json(own) => Sent::Json(free::structure(&own.0)),
    };
    proto::AttributeValue { code: held.code.clone(), value: Some(value) }
}
