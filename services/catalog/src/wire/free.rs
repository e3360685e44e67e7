use crate::domain::free::Free;
use convert::Fields;
use fault::Common;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use serde_json::{Map, Number};

/// Reads free data; an empty object is the same as none.
pub(super) fn free(fields: &mut Fields, path: &str, message: Option<&Struct>) -> Free {
    message.map(|message| Free(object(fields, path, message))).unwrap_or_default()
}

/// Writes free data; an empty object is left out.
pub(super) fn message(free: &Free) -> Option<Struct> {
    if free.0.is_empty() { None } else { Some(structure(&free.0)) }
}

pub(super) fn structure(map: &Map<String, serde_json::Value>) -> Struct {
    Struct { fields: map.iter().map(|(key, own)| (key.clone(), value(own))).collect() }
}

fn value(own: &serde_json::Value) -> Value {
    let kind = match own {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(flag) => Kind::BoolValue(*flag),
        serde_json::Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        serde_json::Value::String(text) => Kind::StringValue(text.clone()),
        serde_json::Value::Array(items) => {
            Kind::ListValue(ListValue { values: items.iter().map(value).collect() })
        }
        serde_json::Value::Object(map) => Kind::StructValue(structure(map)),
    };
    Value { kind: Some(kind) }
}

pub(super) fn object(
    fields: &mut Fields,
    path: &str,
    message: &Struct,
) -> Map<String, serde_json::Value> {
    let mut map = Map::new();
    for (key, own) in &message.fields {
        if key.contains('\0') {
            fields.note(Common::InvalidField, path, "must not hold a zero byte");
        }
        map.insert(key.clone(), json(fields, path, own));
    }
    map
}

/// A value without a kind is not JSON; it is kept as null, which is how every parser reads it.
fn json(fields: &mut Fields, path: &str, own: &Value) -> serde_json::Value {
    match &own.kind {
        None | Some(Kind::NullValue(_)) => serde_json::Value::Null,
        Some(Kind::BoolValue(flag)) => serde_json::Value::Bool(*flag),
        Some(Kind::NumberValue(number)) => match finite(*number) {
            Some(number) => serde_json::Value::Number(number),
            None => {
                fields.note(
                    Common::InvalidField,
                    path,
                    "must not hold a number that is not finite",
                );
                serde_json::Value::Null
            }
        },
        Some(Kind::StringValue(text)) => {
            if text.contains('\0') {
                fields.note(Common::InvalidField, path, "must not hold a zero byte");
            }
            serde_json::Value::String(text.clone())
        }
        Some(Kind::ListValue(list)) => {
            list.values.iter().map(|own| json(fields, path, own)).collect()
        }
        Some(Kind::StructValue(own)) => serde_json::Value::Object(object(fields, path, own)),
    }
}

/// The database keeps no negative zero in JSON.
fn finite(number: f64) -> Option<Number> {
    Number::from_f64(if number == 0.0 { 0.0 } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_survives_and_what_is_no_json_is_named() {
        let number = |number| Value { kind: Some(Kind::NumberValue(number)) };
        let of = |key: &str, value| Struct { fields: [(key.to_owned(), value)].into() };
        let list = Value { kind: Some(Kind::ListValue(ListValue { values: vec![number(0.1)] })) };
        let nested = Value { kind: Some(Kind::StructValue(of("b", list))) };
        let mut fields = Fields::default();
        let read = free(&mut fields, "s", Some(&of("a", nested.clone())));
        assert_eq!(message(&read), Some(of("a", nested)));
        let zero = free(&mut fields, "s", Some(&of("a", number(-0.0))));
        assert_eq!(serde_json::to_string(&zero.0).unwrap(), r#"{"a":0.0}"#);
        assert_eq!(message(&free(&mut fields, "s", Some(&Struct::default()))), None);
        assert!(fields.finish().is_ok());

        let text = Value { kind: Some(Kind::StringValue("a\0".into())) };
        for wrong in [of("a", number(f64::NAN)), of("a\0", number(1.0)), of("a", text)] {
            let mut fields = Fields::default();
            free(&mut fields, "product.specifications", Some(&wrong));
            let fault = fields.finish().unwrap_err();
            assert_eq!(fault.violations()[0].field, "product.specifications");
        }
    }
}
