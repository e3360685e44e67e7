//! Values of attributes.

use super::{free, proto, text};
use crate::domain::free::Free;
use crate::domain::value::{Given, Held, Value, Values};
use chrono::NaiveDate;
use contracts::catalog::v1::{LocalizedEntry, LocalizedText, Reason, TextList};
use contracts::types::v1::Money as MoneyMessage;
use fault::{Common, Fault, Fields};
use kernel::currency::Currency;
use kernel::money::Money;
use proto::attribute_value::Value as Sent;
use std::collections::HashSet;

/// Reads values; what is wrong with them beyond the contract's rules goes to `fields` or is refused for a reason of its own.
pub fn given(
    fields: &mut Fields,
    path: &str,
    values: &[proto::AttributeValue],
) -> Result<Vec<Given>, Fault> {
    let read = values.iter().enumerate().map(|(at, sent)| {
        let path = format!("{path}[{at}]");
        let value = match &sent.value {
            Some(value) => read(fields, &path, value)?,
            None => return Err(Fault::field(Common::InvalidField, path, "needs a value")),
        };
        Ok(Given { code: sent.code.clone(), value })
    });
    read.collect()
}

fn read(fields: &mut Fields, path: &str, sent: &Sent) -> Result<Value, Fault> {
    let invalid = |field: &str, message| {
        Fault::field(Reason::AttributeValueInvalid, format!("{path}.{field}"), message)
    };
    Ok(match sent {
        Sent::Text(own) => Value::Text(text::plain(fields, &format!("{path}.text"), own)),
        Sent::Number(number) => Value::Number(if *number == 0.0 { 0.0 } else { *number }),
        Sent::Boolean(flag) => Value::Bool(*flag),
        Sent::Date(day) => {
            let day = NaiveDate::parse_from_str(day, "%Y-%m-%d");
            Value::Date(day.map_err(|_| invalid("date", "is no day of the calendar"))?)
        }
        Sent::Texts(list) => {
            let path = format!("{path}.texts");
            Value::Texts(list.values.iter().map(|own| text::plain(fields, &path, own)).collect())
        }
        Sent::Money(money) => Value::Money(money_of(path, money)?),
        Sent::Localized(localized) => {
            let mut languages = HashSet::new();
            if !localized.entries.iter().all(|entry| languages.insert(&entry.language)) {
                return Err(invalid("localized", "has two texts in one language"));
            }
            let path = format!("{path}.localized");
            let entries = localized.entries.iter().map(|entry| {
                let language = text::plain(fields, &path, &entry.language);
                (language, text::plain(fields, &path, &entry.text))
            });
            Value::Localized(entries.collect())
        }
        Sent::Json(own) => Value::Json(Free(free::object(fields, &format!("{path}.json"), own))),
    })
}

fn money_of(path: &str, money: &MoneyMessage) -> Result<Money, Fault> {
    let currency = Currency::parse(&money.currency_code).map_err(|error| {
        let path = format!("{path}.money.currency_code");
        Fault::field(Common::UnknownCurrency, path, error.to_string())
    })?;
    Ok(Money::new(money.minor_units, currency))
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
        Value::Money(money) => Sent::Money(MoneyMessage {
            currency_code: money.currency.code().to_owned(),
            minor_units: money.minor,
        }),
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
