//! The shape of an event: numbers, names, types and labels of all fields that its bytes can hold, at any depth. Comments
//! and rules are no part of it. Where it changes, bytes of the new shape are to be kept beside those of the old one.

use prost_reflect::{Cardinality, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;

/// SHA-256 of a message's shape, in hexadecimal digits.
pub fn digest(message: &MessageDescriptor) -> String {
    let mut closure = BTreeMap::new();
    describe(message, &mut closure);
    let text: String = closure.into_values().collect();
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn describe(message: &MessageDescriptor, closure: &mut BTreeMap<String, String>) {
    if closure.contains_key(message.full_name()) {
        return;
    }
    // Noted before its fields are followed: a message may hold itself.
    closure.insert(message.full_name().to_owned(), String::new());
    let mut text = format!("message {}\n", message.full_name());
    let mut fields: Vec<FieldDescriptor> = message.fields().collect();
    fields.sort_by_key(FieldDescriptor::number);
    for field in fields {
        let label = match field.cardinality() {
            Cardinality::Repeated => "repeated",
            Cardinality::Required => "required",
            Cardinality::Optional if field.supports_presence() => "optional",
            Cardinality::Optional => "plain",
        };
        let oneof = field.containing_oneof().filter(|oneof| !oneof.is_synthetic());
        let oneof = oneof.map_or(String::new(), |oneof| format!(" in {}", oneof.name()));
        let kind = kind(&field.kind(), closure);
        let _ = writeln!(text, "{} {} {label} {kind}{oneof}", field.number(), field.name());
    }
    closure.insert(message.full_name().to_owned(), text);
}

fn kind(kind: &Kind, closure: &mut BTreeMap<String, String>) -> String {
    match kind {
        Kind::Message(message) => {
            describe(message, closure);
            message.full_name().to_owned()
        }
        Kind::Enum(enumeration) => {
            closure.insert(enumeration.full_name().to_owned(), values(enumeration));
            enumeration.full_name().to_owned()
        }
        scalar => format!("{scalar:?}"),
    }
}

fn values(enumeration: &EnumDescriptor) -> String {
    let mut text = format!("enum {}\n", enumeration.full_name());
    for value in enumeration.values() {
        let _ = writeln!(text, "{} {}", value.number(), value.name());
    }
    text
}
