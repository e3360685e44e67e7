//! The definitions that a write needs, and how values are checked against them.

use super::attribute::{Attribute, Type, compile_pattern};
use super::kind::Kind;
use super::value::{CodedValue, Held, Value, Values};
use catalog_api::v1::Reason;
use convert::Fields;
use fault::Fault;
use kernel::id::Id;
use kernel::name::fold;
use regex::Regex;
use std::collections::{HashMap, HashSet};

/// Most characters of a value that a refusal quotes.
const MAX_QUOTED_CHARS: usize = 64;

/// Definitions by code and kind, made ready to check many values.
#[derive(Debug, Default)]
pub struct Definitions {
    by_code: HashMap<String, Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    attribute: Attribute,
    /// Allowed values by what makes names the same.
    allowed: HashMap<String, String>,
    pattern: Option<Regex>,
}

impl Definitions {
    /// Makes definitions ready.
    pub fn new(attributes: Vec<Attribute>) -> Self {
        let mut definitions = Self::default();
        attributes.into_iter().for_each(|attribute| definitions.add(attribute));
        definitions
    }

    /// Adds one.
    pub fn add(&mut self, attribute: Attribute) {
        let definition = &attribute.definition;
        let allowed =
            definition.allowed_values.iter().map(|own| (fold(own), own.clone())).collect();
        // The pattern compiled when it was defined; one that no longer compiles is ignored.
        let pattern = Some(&definition.rules.pattern).filter(|pattern| !pattern.is_empty());
        let pattern = pattern.and_then(|pattern| compile_pattern(pattern).ok());
        let of_code = self.by_code.entry(definition.code.clone()).or_default();
        of_code.push(Entry { attribute, allowed, pattern });
    }

    /// Takes one out again.
    pub fn remove(&mut self, id: Id<Attribute>) {
        for of_code in self.by_code.values_mut() {
            of_code.retain(|entry| entry.attribute.head.id != id);
        }
    }

    /// Whether there is one.
    pub fn has(&self, code: &str, kind: Kind) -> bool {
        self.entry(code, kind).is_some()
    }

    /// Checks values against their definitions; paths of faults start with `path`, e.g. `product.tier2_attributes`. Refused with
    /// UNKNOWN_ATTRIBUTE before ATTRIBUTE_VALUE_INVALID, each with all fields that it concerns.
    pub fn check(&self, given: &[CodedValue], path: &str) -> Result<Values, Fault> {
        let mut held = Vec::with_capacity(given.len());
        let mut unknown = Fields::default();
        let mut invalid = Fields::default();
        let mut refuse = |at: usize, message: String| {
            invalid.note(Reason::AttributeValueInvalid, format!("{path}[{at}]"), message);
        };
        let mut seen = HashSet::with_capacity(given.len());
        for (at, CodedValue { code, value }) in given.iter().enumerate() {
            let Some(entry) = self.entry(code, value.kind()) else {
                let kind = value.kind().name();
                let message =
                    format!("no attribute {code:?} is defined for a value of kind {kind}");
                let path = format!("{path}[{at}].code");
                let fault = Fault::field(Reason::UnknownAttribute, path, message);
                unknown.take::<(), _>(Err(fault.with("code", code)));
                continue;
            };
            if !seen.insert((code, value.kind())) {
                refuse(at, format!("{code} has two values"));
            }
            match entry.accept(value) {
                Ok(value) => held.push(entry.held(code, value)),
                Err(message) => refuse(at, format!("{code} {message}")),
            }
        }
        unknown.finish()?;
        invalid.finish()?;
        Ok(Values::new(held))
    }

    /// Those of the values that are defined, unchecked.
    pub fn known(&self, given: &[CodedValue]) -> Values {
        let held = given.iter().filter_map(|CodedValue { code, value }| {
            let entry = self.entry(code, value.kind())?;
            Some(entry.held(code, entry.accept(value).unwrap_or_else(|_| value.clone())))
        });
        Values::new(held.collect())
    }

    fn entry(&self, code: &str, kind: Kind) -> Option<&Entry> {
        let of_code = self.by_code.get(code)?;
        of_code.iter().find(|entry| entry.attribute.definition.r#type.kind() == kind)
    }
}

/// Whether a text keeps the rules of a definition, apart from its allowed values.
pub fn accepts(attribute: &Attribute, text: &str) -> Result<(), String> {
    let definitions = Definitions::new(vec![attribute.clone()]);
    let definition = &attribute.definition;
    let entry = definitions.entry(&definition.code, definition.r#type.kind());
    entry
        .filter(|_| definition.r#type.kind() == Kind::Text)
        .map_or(Ok(()), |entry| entry.text(text))
}

impl Entry {
    fn held(&self, code: &str, value: Value) -> Held {
        Held {
            attribute_id: self.attribute.head.id,
            code: code.to_owned(),
            defining: self.attribute.definition.variant_defining,
            value,
        }
    }

    /// The value, those of an enum as the definition spells them.
    fn accept(&self, value: &Value) -> Result<Value, String> {
        match value {
            Value::Text(text) if self.attribute.definition.r#type == Type::Enum => {
                let text = self.spelled(text)?;
                self.text(text)?;
                return Ok(Value::Text(text.to_owned()));
            }
            Value::Text(text) => self.text(text)?,
            Value::Number(number) => self.bounds(*number, "")?,
            Value::Texts(texts) => {
                let spelled = texts.iter().map(|text| self.spelled(text).map(str::to_owned));
                let spelled = spelled.collect::<Result<Vec<String>, String>>()?;
                let mut seen = HashSet::new();
                return match spelled.iter().find(|text| !seen.insert(fold(text))) {
                    Some(text) => Err(format!("names {text:?} twice")),
                    None => Ok(Value::Texts(spelled)),
                };
            }
            _ => {}
        }
        Ok(value.clone())
    }

    fn text(&self, text: &str) -> Result<(), String> {
        // A text has at most 10,000 characters, which a float counts exactly.
        let length = u32::try_from(text.chars().count()).map_or(f64::MAX, f64::from);
        self.bounds(length, " characters")?;
        match &self.pattern {
            Some(pattern) if !pattern.is_match(text) => {
                Err(format!("does not match {}", self.attribute.definition.rules.pattern))
            }
            _ => Ok(()),
        }
    }

    fn spelled<'s>(&'s self, text: &'s str) -> Result<&'s str, String> {
        if self.allowed.is_empty() {
            return Ok(text);
        }
        if let Some(allowed) = self.allowed.get(&fold(text)) {
            return Ok(allowed);
        }
        let start: String = text.chars().take(MAX_QUOTED_CHARS).collect();
        Err(format!("cannot be {start:?}: it is not one of the allowed values"))
    }

    fn bounds(&self, number: f64, of: &str) -> Result<(), String> {
        let rules = &self.attribute.definition.rules;
        match (rules.min, rules.max) {
            (Some(min), _) if number < min => Err(format!("has less than {min}{of}")),
            (_, Some(max)) if number > max => Err(format!("has more than {max}{of}")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::attribute::{Definition, Rules};
    use chrono::Utc;

    fn definitions(definition: Definition) -> Definitions {
        Definitions::new(vec![Attribute::define(Id::new(), definition, Utc::now()).unwrap().0])
    }

    fn given(code: &str, value: Value) -> CodedValue {
        CodedValue { code: code.into(), value }
    }

    fn text(text: &str) -> CodedValue {
        given("x", Value::Text(text.into()))
    }

    #[test]
    fn values_follow_the_rules_of_their_definition() {
        let plain =
            || Definition { searchable: false, ..Definition::plain("x".into(), Kind::Text) };
        let check = |definition: Definition, given: CodedValue| {
            definitions(definition).check(&[given], "p").map_err(|fault| fault.reason().to_owned())
        };
        let invalid = Err("ATTRIBUTE_VALUE_INVALID".to_owned());
        let size = || Definition {
            rules: Rules { min: Some(2.0), max: Some(3.0), ..Rules::default() },
            ..plain()
        };
        assert!(check(size(), text("äö")).is_ok());
        assert_eq!(check(size(), text("a")), invalid);
        assert_eq!(check(size(), text("abcd")), invalid);

        let pattern =
            || Definition { rules: Rules { pattern: "a|b".into(), ..Rules::default() }, ..plain() };
        assert!(check(pattern(), text("b")).is_ok());
        assert_eq!(check(pattern(), text("ab")), invalid);

        let allowed = vec!["red".to_owned()];
        let one = || Definition { r#type: Type::Enum, allowed_values: allowed.clone(), ..plain() };
        assert!(check(one(), text("red")).is_ok());
        assert_eq!(check(one(), text("rod")), invalid);
        let values = definitions(one()).check(&[text("Red ")], "p").unwrap();
        assert_eq!(values.iter().next().unwrap().value, Value::Text("red".into()));
        let several =
            || Definition { r#type: Type::MultiEnum, allowed_values: allowed.clone(), ..plain() };
        let texts = |texts: &[&str]| {
            given("x", Value::Texts(texts.iter().map(ToString::to_string).collect()))
        };
        assert!(check(several(), texts(&["red"])).is_ok());
        assert_eq!(check(several(), texts(&["red", "blue"])), invalid);
        assert_eq!(check(several(), texts(&["red", "RED"])), invalid);

        let number = || Definition {
            r#type: Type::Number,
            rules: Rules { min: Some(0.0), ..Rules::default() },
            ..plain()
        };
        assert!(check(number(), given("x", Value::Number(0.0))).is_ok());
        assert_eq!(check(number(), given("x", Value::Number(-0.5))), invalid);
        assert_eq!(check(number(), text("5")), Err("UNKNOWN_ATTRIBUTE".to_owned()));
    }

    #[test]
    fn one_attribute_has_one_value_and_every_fault_its_path() {
        let definitions = definitions(Definition::plain("x".into(), Kind::Text));
        let fault =
            definitions.check(&[text("a"), text("b")], "product.tier2_attributes").unwrap_err();
        assert!(fault.is(Reason::AttributeValueInvalid));
        assert_eq!(fault.violations()[0].field, "product.tier2_attributes[1]");
        let other = given("y", Value::Bool(true));
        let fault = definitions.check(&[text("a"), other], "p").unwrap_err();
        assert_eq!(fault.metadata()["code"], "y");
        assert_eq!(fault.violations()[0].field, "p[1].code");
    }
}
