//! Tier 3: data without a definition.

use serde_json::{Map, Value};

/// A JSON object of the caller's own making. Nothing in it has a meaning for the catalogue.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Free(pub Map<String, Value>);

impl Free {
    /// The object as a JSON value.
    pub fn json(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// Appends bytes that are the same for equal data and for no other.
    pub fn canonical(&self, out: &mut Vec<u8>) {
        object(&self.0, out);
    }
}

fn object(map: &Map<String, Value>, out: &mut Vec<u8>) {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(key, _)| key.as_str());
    length(entries.len(), out);
    for (key, value) in entries {
        text(key, out);
        any(value, out);
    }
}

fn any(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0),
        Value::Bool(flag) => out.extend([1, u8::from(*flag)]),
        Value::Number(number) => {
            out.push(2);
            out.extend(number.as_f64().unwrap_or_default().to_be_bytes());
        }
        Value::String(own) => {
            out.push(3);
            text(own, out);
        }
        Value::Array(items) => {
            out.push(4);
            length(items.len(), out);
            items.iter().for_each(|item| any(item, out));
        }
        Value::Object(map) => {
            out.push(5);
            object(map, out);
        }
    }
}

/// A text with its length before it, so that two texts never run together.
pub(super) fn text(text: &str, out: &mut Vec<u8>) {
    length(text.len(), out);
    out.extend(text.as_bytes());
}

pub(super) fn length(length: usize, out: &mut Vec<u8>) {
    out.extend(u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
}

impl From<Value> for Free {
    /// A column holds an object always; anything else would be empty.
    fn from(value: Value) -> Self {
        match value {
            Value::Object(map) => Self(map),
            _ => Self::default(),
        }
    }
}
