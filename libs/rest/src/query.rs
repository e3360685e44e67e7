//! Fields of a request in its query: `?query=shoe&filters.brandIds=1&filters.brandIds=2`.

use crate::names;
use fault::{Common, Fault};
use percent_encoding::percent_decode_str;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};

/// Names and values of a query, decoded.
pub(crate) fn pairs(query: &str) -> Result<Vec<(String, String)>, Fault> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decode(name)?, decode(value)?))
    });
    let pairs: Option<Vec<_>> = pairs.collect();
    pairs.ok_or_else(|| Fault::new(Common::Undecodable, "the query is no UTF-8 text"))
}

fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// Puts a value into the JSON of a request, at a dotted path.
pub(crate) fn set(
    json: &mut Map<String, Value>,
    descriptor: &MessageDescriptor,
    dotted: &str,
    value: &str,
) -> Result<(), Fault> {
    let unknown = || {
        Fault::field(
            Common::InvalidField,
            dotted.to_owned(),
            "is no field of this request that a path or query can hold",
        )
    };
    let fields = names::path(descriptor, dotted).ok_or_else(unknown)?;
    let (last, way) = fields.split_last().ok_or_else(unknown)?;
    let mut at = json;
    for field in way {
        let inner =
            at.entry(field.json_name().to_owned()).or_insert_with(|| Value::Object(Map::new()));
        at = inner.as_object_mut().ok_or_else(unknown)?;
    }
    if last.is_map() {
        return Err(unknown());
    }
    let value = typed(last, value).ok_or_else(unknown)?;
    let name = last.json_name().to_owned();
    if last.is_list() {
        let list = at.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        list.as_array_mut().ok_or_else(unknown)?.push(value);
    } else if at.insert(name, value).is_some() {
        return Err(Fault::field(Common::InvalidField, dotted.to_owned(), "comes twice"));
    }
    Ok(())
}

/// The JSON of a text; none for a message without a textual form.
fn typed(field: &FieldDescriptor, value: &str) -> Option<Value> {
    match field.kind() {
        // What is neither is refused when the message is read.
        Kind::Bool => Some(match value {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            other => Value::String(other.to_owned()),
        }),
        Kind::Enum(_) => Some(match value.parse::<i32>() {
            Ok(number) => Value::from(number),
            Err(_) => Value::String(value.to_owned()),
        }),
        Kind::Message(own) => {
            let textual = ["Timestamp", "Duration", "FieldMask"];
            (!names::is_plain(&own) && textual.contains(&own.name()))
                .then(|| Value::String(value.to_owned()))
        }
        _ => Some(Value::String(value.to_owned())),
    }
}
