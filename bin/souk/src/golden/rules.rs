//! The `buf.validate` rules of a field that samples have to satisfy.

use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Value};
use regex::Regex;

/// The rules of one field.
pub struct Rules(Option<DynamicMessage>);

impl Rules {
    pub fn of(pool: &DescriptorPool, field: &FieldDescriptor) -> Self {
        let options = field.options();
        let extension = pool.get_extension_by_name("buf.validate.field");
        let extension = extension.filter(|extension| options.has_extension(extension));
        Self(extension.and_then(|e| options.get_extension(&e).as_message().cloned()))
    }

    /// The rules of the elements of a list.
    pub fn of_items(&self) -> Self {
        Self(self.find("items").and_then(|items| items.as_message().cloned()))
    }

    /// Whether a text satisfies all supported rules for strings.
    pub fn allow(&self, text: &str) -> bool {
        let count = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        let pattern = self.find("pattern").and_then(|pattern| Regex::new(pattern.as_str()?).ok());
        self.number("len").is_none_or(|exactly| count == exactly)
            && self.number("min_len").is_none_or(|least| count >= least)
            && self.number("max_len").is_none_or(|most| count <= most)
            && pattern.is_none_or(|pattern| pattern.is_match(text))
            && (self.find("uuid").is_none() || uuid::Uuid::try_parse(text).is_ok())
    }

    /// The allowed number nearest to `number`.
    pub fn near(&self, number: i64) -> i64 {
        let number = self.number("gte").map_or(number, |least| number.max(least));
        self.number("lte").map_or(number, |most| number.min(most))
    }

    /// Whether an enum value is allowed, given its number.
    pub fn allow_value(&self, number: i32) -> bool {
        let refused = self.find("not_in");
        let refused = refused.as_ref().and_then(Value::as_list).unwrap_or_default();
        !refused.iter().any(|value| value.as_i32() == Some(number))
    }

    fn number(&self, rule: &str) -> Option<i64> {
        let value = self.find(rule)?;
        let unsigned = value.as_u64().and_then(|number| i64::try_from(number).ok());
        unsigned.or_else(|| value.as_i64()).or_else(|| value.as_i32().map(i64::from))
    }

    /// The argument of a rule, for any type of field.
    fn find(&self, rule: &str) -> Option<Value> {
        let mut families = self.0.as_ref()?.fields().filter_map(|(_, value)| value.as_message());
        families.find_map(|family| {
            let set = family.has_field_by_name(rule);
            set.then(|| family.get_field_by_name(rule).map(|value| value.into_owned()))?
        })
    }
}
