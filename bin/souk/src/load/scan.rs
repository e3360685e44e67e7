//! Looks through the JSON of a row before it is read as a message: finds the row's key, however broken the rest is, and fields that
//! are named twice, of which the last would win silently.

use prost_reflect::{Kind, MessageDescriptor};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;

/// Looks through a row; `paths` lead to where its key may be. Returns the key as far as it was found, and what is wrong.
pub fn scan(
    json: &[u8],
    descriptor: &MessageDescriptor,
    paths: &[&'static [&'static str]],
) -> (Option<String>, Result<(), String>) {
    let mut key = None;
    let mut json = serde_json::Deserializer::from_slice(json);
    let walk = Walk { descriptor: Some(descriptor.clone()), paths: paths.to_vec(), key: &mut key };
    let read = walk.deserialize(&mut json).and_then(|()| json.end());
    (key, read.map_err(|error| in_a_line(&error)))
}

/// serde_json's line number is always 1; the caller adds the one of the file.
pub fn in_a_line(error: &serde_json::Error) -> String {
    let said = error.to_string().replace(" at line 1 column", ", column");
    if error.is_eof() { format!("the row breaks off: {said}") } else { said }
}

/// One value.
struct Walk<'k> {
    /// What it is read as; none where any names are allowed.
    descriptor: Option<MessageDescriptor>,
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
            let descriptor = field.filter(|field| !field.is_map()).and_then(|field| {
                let Kind::Message(own) = field.kind() else { return None };
                Some(own).filter(|own| own.package_name() != "google.protobuf")
            });
            let paths = self.paths.iter().filter_map(|path| path.split_first());
            let paths = paths.filter(|(first, _)| **first == name).map(|(_, rest)| rest);
            let walk = Walk { descriptor, paths: paths.collect(), key: &mut *self.key };
            map.next_value_seed(walk)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { descriptor, key, .. } = self;
        loop {
            let (descriptor, paths) = (descriptor.clone(), Vec::new());
            if list.next_element_seed(Walk { descriptor, paths, key: &mut *key })?.is_none() {
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

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
}
