//! Looks through the JSON of a row before it is read as a message: finds the row's key, however broken the rest is, fields that are
//! named twice, of which the last would win silently, and values that their fields do not take, which it names by their path.

mod kind;

use kind::Found;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
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
    let (mut key, mut at) = (None, Vec::new());
    let mut json = serde_json::Deserializer::from_slice(json);
    let expected = Expected::Message(descriptor.clone());
    let walk = Walk { expected, paths: paths.to_vec(), at: &mut at, key: &mut key };
    let read = walk.deserialize(&mut json).and_then(|()| json.end());
    let read = read.map_err(|error| match error.classify() {
        // Where in the line is said by the path.
        Category::Data if !at.is_empty() => format!("{}: {}", path(&at), plain(&error)),
        _ => in_a_line(&error),
    });
    (key, read)
}

/// serde_json's line number is always 1; the caller adds the one of the file.
pub fn in_a_line(error: &serde_json::Error) -> String {
    // So say the decoders of JSON and of protobuf of what nests deeper than they follow.
    if error.to_string().contains("recursion limit") {
        return TOO_DEEP.to_owned();
    }
    let said = error.to_string().replace(" at line 1 column", ", column");
    let said = said.replace("invalid unicode code point", "what is no UTF-8; save it as UTF-8");
    if error.is_eof() { format!("the JSON breaks off: {said}") } else { said }
}

/// The error without where it is.
fn plain(error: &serde_json::Error) -> String {
    let said = error.to_string();
    said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said).to_owned()
}

/// Where in the row a value is.
enum Step {
    Name(String),
    Index(usize),
}

fn path(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Name(name) if path.is_empty() => path.push_str(name),
            Step::Name(name) => path.extend([".", name]),
            Step::Index(index) => path.push_str(&format!("[{index}]")),
        }
    }
    path
}

/// What a value is read as.
#[derive(Clone)]
enum Expected {
    Message(MessageDescriptor),
    List(FieldDescriptor),
    One(FieldDescriptor),
    /// Any names are allowed in it.
    Free,
}

impl Expected {
    fn by(field: Option<FieldDescriptor>) -> Self {
        match field {
            None => Self::Free,
            Some(field) if field.is_map() => Self::Free,
            Some(field) if field.is_list() => Self::List(field),
            Some(field) => Self::one(field),
        }
    }

    fn one(field: FieldDescriptor) -> Self {
        match field.kind() {
            Kind::Message(own) if kind::is_own(&own) => Self::Message(own),
            Kind::Message(own) if !kind::is_time(&own) => Self::Free,
            _ => Self::One(field),
        }
    }

    /// A list's elements.
    fn element(&self) -> Self {
        match self {
            Self::List(field) => Self::one(field.clone()),
            _ => Self::Free,
        }
    }

    /// What is wrong with a value that was found.
    fn refuse<E: Error>(&self, found: Found<'_>) -> Result<(), E> {
        let refused = match (self, found) {
            (_, Found::Null) | (Self::Free, _) | (Self::Message(_), Found::Object) => return Ok(()),
            (Self::List(_), Found::List) => return Ok(()),
            (Self::List(_), _) => Some("is a list; write it in [ ]".to_owned()),
            (Self::Message(_), _) => Some("is an object; write it in { }".to_owned()),
            (Self::One(field), found) => kind::refused(&field.kind(), found),
        };
        refused.map_or(Ok(()), |why| Err(E::custom(why)))
    }
}

/// One value.
struct Walk<'k> {
    expected: Expected,
    /// The rest of the paths that lead through it.
    paths: Vec<&'static [&'static str]>,
    /// Where it is; where something is wrong this stays as it is then.
    at: &'k mut Vec<Step>,
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
        self.expected.refuse(Found::Object)?;
        let own = match &self.expected {
            Expected::Message(own) => Some(own.clone()),
            _ => None,
        };
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            let field = own.as_ref().and_then(|own| {
                own.get_field_by_json_name(&name).or_else(|| own.get_field_by_name(&name))
            });
            // Both spellings of a field are the same.
            let spelled = field.as_ref().map_or(&*name, |field| field.name()).to_owned();
            if !seen.insert(spelled.clone()) {
                return Err(A::Error::custom(format!("the field {name:?} comes twice")));
            }
            let paths = self.paths.iter().filter_map(|path| path.split_first());
            let paths = paths.filter(|(first, _)| **first == name).map(|(_, rest)| rest);
            let (paths, expected) = (paths.collect(), Expected::by(field));
            self.at.push(Step::Name(spelled));
            let walk = Walk { expected, paths, at: &mut *self.at, key: &mut *self.key };
            map.next_value_seed(walk)?;
            self.at.pop();
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.expected.refuse(Found::List)?;
        let Self { expected, at, key, .. } = self;
        for index in 0.. {
            let (expected, paths) = (expected.element(), Vec::new());
            at.push(Step::Index(index));
            let walk = Walk { expected, paths, at: &mut *at, key: &mut *key };
            if list.next_element_seed(walk)?.is_none() {
                at.pop();
                break;
            }
            at.pop();
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.expected.refuse(Found::Text(text))?;
        if self.paths.iter().any(|path| path.is_empty()) {
            self.key.get_or_insert_with(|| text.to_owned());
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.expected.refuse(Found::Null)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.expected.refuse(Found::Bool)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.expected.refuse(Found::Whole(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.expected.refuse(Found::Whole(number.into()))
    }

    /// Also where a whole number is beyond 64 bits. Read as one, it would become another without a word.
    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.expected.refuse(Found::Number(number))
    }
}
