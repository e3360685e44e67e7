//! Messages as JSON schemas.

use crate::names;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor, Value as Proto,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The schemas that a document names.
#[derive(Default)]
pub(super) struct Schemas(BTreeMap<String, Value>);

/// A reference to a schema.
pub(super) fn link(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// What the contract says of something.
pub(super) fn comment(file: &FileDescriptor, path: &[i32]) -> String {
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    let found = info.and_then(|info| info.location.iter().find(|location| location.path == path));
    let text = found.map(|location| location.leading_comments()).unwrap_or_default();
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}

impl Schemas {
    /// All of them by name.
    pub(super) fn finish(self) -> Map<String, Value> {
        self.0.into_iter().collect()
    }

    /// The schema of a message, which is then among them.
    pub(super) fn reference(&mut self, message: &MessageDescriptor) -> Value {
        if !names::is_plain(message) {
            return well_known(message.name());
        }
        let name = message.full_name().to_owned();
        if !self.0.contains_key(&name) {
            // Before its fields, which may name it.
            self.0.insert(name.clone(), Value::Null);
            let schema = self.message(message);
            self.0.insert(name.clone(), schema);
        }
        link(&name)
    }

    fn message(&mut self, message: &MessageDescriptor) -> Value {
        let mut properties = Map::new();
        for field in message.fields() {
            let mut schema = self.field(&field);
            let text = comment(&message.parent_file(), field.path());
            if let Some(schema) = schema.as_object_mut().filter(|_| !text.is_empty()) {
                schema.insert("description".to_owned(), text.into());
            }
            properties.insert(field.json_name().to_owned(), schema);
        }
        if message.full_name() == "souk.type.v1.Money" {
            let text = "The exact decimal text of minorUnits; a request may give it instead.";
            properties
                .insert("amount".to_owned(), json!({ "type": "string", "description": text }));
        }
        // Where a page says itself how many there are: it does so as text, as a numbered page by a number.
        if properties.contains_key("nextPageToken")
            && let Some(total) = properties.get_mut("total")
        {
            total["type"] = json!(["string", "integer"]);
        }
        json!({
            "type": "object",
            "description": comment(&message.parent_file(), message.path()),
            "properties": properties,
        })
    }

    /// The schema of a field, with the bounds that the contract gives it.
    pub(super) fn field(&mut self, field: &FieldDescriptor) -> Value {
        if field.is_map() {
            let Kind::Message(entry) = field.kind() else { return json!({}) };
            let value = entry.map_entry_value_field();
            return json!({ "type": "object", "additionalProperties": self.single(&value) });
        }
        let rules = rules(field);
        if !field.is_list() {
            return bounded(self.single(field), rules.as_ref(), field);
        }
        let mut list = json!({ "type": "array", "items": self.single(field) });
        let own = rules.as_ref().and_then(|rules| inner(rules, "repeated"));
        copy(&mut list, own.as_ref(), &[("min_items", "minItems"), ("max_items", "maxItems")]);
        list
    }

    fn single(&mut self, field: &FieldDescriptor) -> Value {
        match field.kind() {
            Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::Double | Kind::Float => json!({ "type": "number" }),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64 => {
                json!({ "type": "string", "format": "int64", "pattern": "^-?[0-9]+$" })
            }
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 | Kind::Uint32 | Kind::Fixed32 => {
                json!({ "type": "integer", "format": "int32" })
            }
            Kind::Enum(own) => {
                let names: Vec<String> =
                    own.values().map(|value| value.name().to_owned()).collect();
                json!({ "type": "string", "enum": names })
            }
            Kind::Message(own) => self.reference(&own),
        }
    }
}

fn well_known(name: &str) -> Value {
    match name {
        "Timestamp" => json!({ "type": "string", "format": "date-time" }),
        "Duration" | "FieldMask" => json!({ "type": "string" }),
        "ListValue" => json!({ "type": "array", "items": {} }),
        "Value" => json!({}),
        _ => json!({ "type": "object" }),
    }
}

/// The rules of `buf.validate` for a field.
fn rules(field: &FieldDescriptor) -> Option<DynamicMessage> {
    let option = field.parent_pool().get_extension_by_name("buf.validate.field")?;
    let options = field.options();
    options.has_extension(&option).then(|| options.get_extension(&option).as_message().cloned())?
}

fn inner(rules: &DynamicMessage, name: &str) -> Option<DynamicMessage> {
    let field = rules.get_field_by_name(name)?;
    field.as_message().cloned()
}

fn bounded(mut schema: Value, rules: Option<&DynamicMessage>, field: &FieldDescriptor) -> Value {
    let Some(rules) = rules else { return schema };
    match field.kind() {
        Kind::String => {
            let own = inner(rules, "string");
            let is = |name: &str| {
                let flag = own.as_ref().and_then(|own| own.get_field_by_name(name)?.as_bool());
                flag.unwrap_or_default()
            };
            if let Some(schema) = schema.as_object_mut().filter(|_| is("uuid")) {
                schema.insert("format".to_owned(), "uuid".into());
            }
            copy(&mut schema, own.as_ref(), &[("min_len", "minLength"), ("max_len", "maxLength")]);
        }
        Kind::Int32 => {
            let own = inner(rules, "int32");
            copy(&mut schema, own.as_ref(), &[("gte", "minimum"), ("lte", "maximum")]);
        }
        _ => {}
    }
    schema
}

fn copy(schema: &mut Value, rules: Option<&DynamicMessage>, names: &[(&str, &str)]) {
    let (Some(schema), Some(rules)) = (schema.as_object_mut(), rules) else { return };
    for (from, to) in names {
        if !rules.has_field_by_name(from) {
            continue;
        }
        let bound = match rules.get_field_by_name(from).as_deref() {
            Some(Proto::U64(bound)) => Value::from(*bound),
            Some(Proto::I32(bound)) => Value::from(*bound),
            _ => continue,
        };
        schema.insert((*to).to_owned(), bound);
    }
}
