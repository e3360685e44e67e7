//! Which JSON each kind of field takes.

use prost_reflect::{Kind, MessageDescriptor};
use prost_types::Timestamp;

/// A JSON value.
#[derive(Clone, Copy)]
pub(super) enum Found<'t> {
    Null,
    Bool,
    Whole(i128),
    /// A number with a fraction or exponent, or one beyond 64 bits.
    Number(f64),
    Text(&'t str),
    List,
    Object,
}

/// Whether it is a message of a contract, whose fields are known.
pub(super) fn is_own(message: &MessageDescriptor) -> bool {
    message.package_name() != "google.protobuf"
}

/// Whether it is written as a time.
pub(super) fn is_time(message: &MessageDescriptor) -> bool {
    message.full_name() == "google.protobuf.Timestamp"
}

/// Why a field of this kind does not take a value, in words that follow its path.
pub(super) fn refused(kind: &Kind, found: Found<'_>) -> Option<String> {
    match (kind, found) {
        (_, Found::Null) => None,
        (Kind::Bool, Found::Bool) => None,
        (Kind::Bool, _) => Some("is true or false, without quotes".to_owned()),
        (Kind::String | Kind::Bytes, Found::Text(_)) => None,
        (Kind::String | Kind::Bytes, _) => Some("is a text; write it in quotes".to_owned()),
        (Kind::Double | Kind::Float, Found::Whole(_) | Found::Number(_) | Found::Text(_)) => None,
        (Kind::Double | Kind::Float, _) => Some("is a number".to_owned()),
        (Kind::Enum(own), Found::Text(name)) => {
            // The first value stands for none.
            let names = || own.values().skip(1).map(|value| value.name().to_owned());
            let known = own.get_value_by_name(name).is_some();
            let message = || format!("is not {name:?}, but one of {}", list(names()));
            (!known).then(message)
        }
        (Kind::Enum(_), Found::Whole(_)) => None,
        (Kind::Enum(_), _) => Some("is the name of a value, in quotes".to_owned()),
        (Kind::Message(_), Found::Text(text)) if text.parse::<Timestamp>().is_ok() => None,
        (Kind::Message(_), _) => Some(format!("is a time such as {EXAMPLE:?}{}", not(found))),
        (kind, Found::Whole(number)) => out_of_range(kind, number),
        (kind, Found::Text(text)) => match text.parse() {
            Ok(number) => out_of_range(kind, number),
            Err(_) => Some(format!("is a whole number{}", not(found))),
        },
        (_, Found::Number(number)) if number.abs() >= MAX_WHOLE => Some(too_large(number)),
        (_, Found::Number(_)) => {
            Some("is a whole number; write it without a fraction or exponent".to_owned())
        }
        (_, Found::Bool | Found::List | Found::Object) => Some("is a whole number".to_owned()),
    }
}

const EXAMPLE: &str = "2026-01-31T12:00:00Z";
/// From here on a number of 64 bits ends.
const MAX_WHOLE: f64 = 9.2e18;
/// Characters of a value that a message repeats.
const MAX_SHOWN: usize = 40;
/// Names of values that a message lists.
const MAX_NAMES: usize = 20;

fn not(found: Found<'_>) -> String {
    match found {
        Found::Text("") => ", not an empty text".to_owned(),
        Found::Text(text) => {
            let shown: String = text.chars().take(MAX_SHOWN).collect();
            format!(", not {shown:?}")
        }
        _ => String::new(),
    }
}

fn out_of_range(kind: &Kind, number: i128) -> Option<String> {
    let fits = match kind {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => i32::try_from(number).is_ok(),
        Kind::Uint32 | Kind::Fixed32 => u32::try_from(number).is_ok(),
        Kind::Uint64 | Kind::Fixed64 => u64::try_from(number).is_ok(),
        _ => i64::try_from(number).is_ok(),
    };
    (!fits).then(|| too_large(number))
}

fn too_large(number: impl std::fmt::Display) -> String {
    format!("{number} is more than the field can hold")
}

fn list(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    let shown = names.get(..MAX_NAMES).unwrap_or(&names).join(", ");
    if names.len() > MAX_NAMES { format!("{shown} …") } else { shown }
}
