//! Generates samples of a message: all fields are set, all values differ, and the validation rules are satisfied.

use super::rules::Rules;
use anyhow::{Context, Result};
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value,
};
use std::collections::HashMap;
use uuid::Uuid;

/// Generates samples, deterministically for the same contract.
pub struct Sampler<'a> {
    pool: &'a DescriptorPool,
    /// Number of values generated so far. Values differ, so that a field that took the number of another is detected.
    made: u16,
    /// Messages that are being filled; a recursive message is left empty inside itself.
    within: Vec<MessageDescriptor>,
}

impl<'a> Sampler<'a> {
    pub fn new(pool: &'a DescriptorPool) -> Self {
        Self { pool, made: 0, within: Vec::new() }
    }

    /// As many samples as are needed to cover each alternative of each `oneof`. Lists contain all alternatives in each sample.
    pub fn samples(mut self, name: &str) -> Result<Vec<DynamicMessage>> {
        let message = self.pool.get_message_by_name(name);
        let message = message.with_context(|| format!("the contract has no message {name}"))?;
        (0..self.alternatives(&message)).map(|choice| self.message(&message, choice)).collect()
    }

    fn alternatives(&mut self, message: &MessageDescriptor) -> usize {
        if self.within.contains(message) {
            return 1;
        }
        self.within.push(message.clone());
        let mut most = message.oneofs().map(|oneof| oneof.fields().len()).max().unwrap_or(1);
        for field in message.fields().filter(|field| !field.is_list() && !field.is_map()) {
            if let Kind::Message(inner) = field.kind() {
                most = most.max(self.alternatives(&inner));
            }
        }
        self.within.pop();
        most
    }

    fn message(&mut self, message: &MessageDescriptor, choice: usize) -> Result<DynamicMessage> {
        let mut sample = DynamicMessage::new(message.clone());
        if self.within.contains(message) {
            return Ok(sample);
        }
        self.within.push(message.clone());
        for field in message.fields() {
            let chosen = field.containing_oneof().is_none_or(|oneof| {
                let fields = oneof.fields();
                let index = choice % fields.len();
                oneof.fields().nth(index).is_some_and(|chosen| chosen == field)
            });
            if chosen {
                sample.set_field(&field, self.field(&field, choice)?);
            }
        }
        self.within.pop();
        Ok(sample)
    }

    fn field(&mut self, field: &FieldDescriptor, choice: usize) -> Result<Value> {
        let rules = Rules::of(self.pool, field);
        if field.is_map() {
            self.map(field)
        } else if field.is_list() {
            let rules = rules.of_items();
            let elements = (0..self.elements(&field.kind())).map(|n| self.value(field, &rules, n));
            Ok(Value::List(elements.collect::<Result<_>>()?))
        } else {
            self.value(field, &rules, choice)
        }
    }

    fn map(&mut self, field: &FieldDescriptor) -> Result<Value> {
        let Kind::Message(entry) = field.kind() else { return Ok(Value::Map(HashMap::new())) };
        let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
        let mut map = HashMap::new();
        for n in 0..self.elements(&value.kind()) {
            let key = self.value(&key, &Rules::of(self.pool, &key), n)?;
            let key: MapKey = key.into_map_key().context("the key of a map is no scalar")?;
            map.insert(key, self.value(&value, &Rules::of(self.pool, &value), n)?);
        }
        Ok(Value::Map(map))
    }

    /// Number of elements that cover all alternatives of an element, at least two.
    fn elements(&mut self, kind: &Kind) -> usize {
        match kind {
            Kind::Message(inner) if self.within.contains(inner) => 0,
            Kind::Message(inner) => self.alternatives(inner).max(2),
            _ => 2,
        }
    }

    fn value(&mut self, field: &FieldDescriptor, rules: &Rules, choice: usize) -> Result<Value> {
        if let Kind::Message(inner) = field.kind() {
            return Ok(Value::Message(self.message(&inner, choice)?));
        }
        self.made += 1;
        let number = rules.near(self.made.into());
        let small = || i32::try_from(number).context("a number does not fit its field");
        Ok(match field.kind() {
            Kind::Bool => Value::Bool(true),
            Kind::Double => Value::F64(f64::from(self.made) + 0.5),
            Kind::Float => Value::F32(f32::from(self.made) + 0.5),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(small()?),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(number),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(small()?.cast_unsigned()),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(number.cast_unsigned()),
            Kind::Bytes => Value::Bytes(format!("bytes {}", self.made).into()),
            Kind::Enum(enumeration) => {
                let values = enumeration.values().map(|value| value.number());
                let named: Vec<i32> =
                    values.filter(|value| *value != 0 && rules.allow_value(*value)).collect();
                let index = usize::from(self.made) % named.len().max(1);
                Value::EnumNumber(named.get(index).copied().unwrap_or_default())
            }
            Kind::String | Kind::Message(_) => Value::String(self.text(field, rules)?),
        })
    }

    fn text(&self, field: &FieldDescriptor, rules: &Rules) -> Result<String> {
        // A deterministic UUIDv7: a fixed time and a counter.
        let id = 0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(self.made);
        let id = Uuid::from_u128(id).to_string();
        let name = field.name();
        let own = format!("{name}_{}", self.made);
        let url = format!("https://souk.example/{own}");
        let likely = if name.ends_with("_id") || name.ends_with("_ids") { &id } else { &own };
        let candidates = [likely, &own, &id, &url, "USD", "US", "2026-01-31"];
        let found = candidates.into_iter().find(|text| rules.allow(text));
        found.map(str::to_owned).with_context(|| {
            let field = field.full_name();
            format!("no text in bin/souk/src/golden/sample.rs keeps the rules of {field}; add one")
        })
    }
}
