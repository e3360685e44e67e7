//! Looks through the JSON of a row before it is read as a message: finds the row's key, however broken the rest is, and fields that
//! are named twice, of which the last would win silently.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;

/// What is wrong with JSON that nests deeper than a message does.
pub const TOO_DEEP: &str = "holds lists or objects that nest too deep: a request has at most 100 levels of messages, and a list takes \
                        two of them, an object three";

/// Looks through a row; `paths` lead to where its key may be. Returns the key as far as it was found, and what is wrong.
pub fn scan(
    json: &[u8],
    descriptor: &MessageDescriptor,
    paths: &[&'static [&'static str]],
) -> (Option<String>, Result<(), String>) {
    let mut key = None;
    let mut json = serde_json::Deserializer::from_slice(json);
    let paths = paths.to_vec();
    let walk = Walk { descriptor: Some(descriptor.clone()), whole: None, paths, key: &mut key };
    let read = walk.deserialize(&mut json).and_then(|()| json.end());
    (key, read.map_err(|error| in_a_line(&error)))
}

/// serde_json's line number is always 1; the caller adds the one of the file.
pub fn in_a_line(error: &serde_json::Error) -> String {
    // So say the decoders of JSON and of protobuf of what nests deeper than they follow.
    if error.to_string().contains("recursion limit") {
        return TOO_DEEP.to_owned();
    }
    let said = error.to_string().replace(" at line 1 column", ", column");
    if error.is_eof() { format!("the row breaks off: {said}") } else { said }
}

/// One value.
struct Walk<'k> {
    /// What it is read as; none where any names are allowed.
    descriptor: Option<MessageDescriptor>,
    /// The field of whole numbers that it is for.
    whole: Option<FieldDescriptor>,
    /// The rest of the paths that lead through it.
    paths: Vec<&'static [&'static str]>,
    key: &'k mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            let field = self.descriptor.as_ref().and_then(|own| {
                own.get_field_by_json_name(&name).or_else(|| own.get_field_by_name(&name))
            });
            // Both spellings of a field are the same.
            let spelled = field.as_ref().map_or(&*name, |field| field.name()).to_owned();
            if !seen.insert(spelled) {
                return Err(A::Error::custom(format!("the field {name:?} comes twice")));
            }
            let whole = field.clone().filter(is_whole);
            let descriptor = field.filter(|field| !field.is_map()).and_then(|field| {
                let Kind::Message(own) = field.kind() else { return None };
                Some(own).filter(|own| own.package_name() != "google.protobuf")
            });
            let paths = self.paths.iter().filter_map(|path| path.split_first());
            let paths = paths.filter(|(first, _)| **first == name).map(|(_, rest)| rest);
            let walk = Walk { descriptor, whole, paths: paths.collect(), key: &mut *self.key };
            map.next_value_seed(walk)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { descriptor, whole, key, .. } = self;
        loop {
            let (descriptor, whole, paths) = (descriptor.clone(), whole.clone(), Vec::new());
            let walk = Walk { descriptor, whole, paths, key: &mut *key };
            if list.next_element_seed(walk)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if self.paths.iter().any(|path| path.is_empty()) {
            self.key.get_or_insert_with(|| text.to_owned());
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        let signed =
            |field: &FieldDescriptor| !matches!(field.kind(), Kind::Uint64 | Kind::Fixed64);
        match self.whole.filter(signed) {
            Some(field) if i64::try_from(number).is_err() => Err(out_of_range(&field, number)),
            _ => Ok(()),
        }
    }

    /// Also where a whole number is beyond 64 bits. Read as one, it would become another without a word.
    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        match self.whole {
            None => Ok(()),
            Some(field) if number.abs() >= MAX_WHOLE => Err(out_of_range(&field, number)),
            Some(field) => {
                let name = field.name();
                let message = "is a whole number; write it without a fraction or exponent";
                Err(E::custom(format!("{name}: {message}")))
            }
        }
    }
}

/// From here on a number of 64 bits ends.
const MAX_WHOLE: f64 = 9.2e18;

fn is_whole(field: &FieldDescriptor) -> bool {
    let others = [Kind::Double, Kind::Float, Kind::Bool, Kind::String, Kind::Bytes];
    !field.is_map()
        && !others.contains(&field.kind())
        && !matches!(field.kind(), Kind::Message(_) | Kind::Enum(_))
}

fn out_of_range<E: Error>(field: &FieldDescriptor, number: impl fmt::Display) -> E {
    E::custom(format!("{}: {number} is more than the field can hold", field.name()))
}
