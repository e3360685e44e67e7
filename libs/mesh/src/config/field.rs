use figment::value::Value;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value as Json;

/// One field of a section, as its struct declares it.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// True: the struct's field is a map, and each of its entries is a setting.
    pub(super) map: bool,
    pub(super) secret: bool,
    pub(super) doc: String,
    pub(super) default: Option<String>,
}

/// How text becomes the field's value.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Number,
    Switch,
    List,
}

/// The fields of a section. Their names, types, comments and defaults are read off the struct by its derived JSON schema, so there is
/// no second list to forget.
pub(super) fn fields<T: JsonSchema>() -> Vec<Field> {
    let settings = SchemaSettings::default().with(|settings| settings.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let Some(Json::Object(properties)) = schema.get("properties") else {
        return Vec::new();
    };
    properties.iter().map(|(name, schema)| field(name, schema)).collect()
}

fn field(name: &str, schema: &Json) -> Field {
    let map = is_a(schema, "object");
    let of_value = if map { schema.get("additionalProperties").unwrap_or(schema) } else { schema };
    let doc = schema.get("description").and_then(Json::as_str).unwrap_or_default();
    Field {
        name: name.to_owned(),
        kind: kind(of_value),
        map,
        secret: schema.get("writeOnly").is_some(),
        doc: doc.replace('\n', " "),
        default: schema.get("default").filter(|default| !map && !default.is_null()).map(shown),
    }
}

fn kind(schema: &Json) -> Kind {
    if is_a(schema, "integer") || is_a(schema, "number") {
        Kind::Number
    } else if is_a(schema, "boolean") {
        Kind::Switch
    } else if is_a(schema, "array") {
        Kind::List
    } else {
        Kind::Text
    }
}

/// An optional field's type is a list of its type and null.
fn is_a(schema: &Json, name: &str) -> bool {
    match schema.get("type") {
        Some(Json::String(only)) => only == name,
        Some(Json::Array(several)) => several.iter().any(|one| one == name),
        _ => false,
    }
}

pub(super) fn shown(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(several) => several.iter().map(shown).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

impl Kind {
    /// The value that a flag or an environment variable spells, or what it should have been.
    pub(super) fn parse(self, text: &str) -> Result<Value, &'static str> {
        match self {
            Self::Text => Ok(Value::from(text)),
            Self::Number => match (text.parse::<i64>(), text.parse::<f64>()) {
                (Ok(integer), _) => Ok(Value::from(integer)),
                (_, Ok(number)) => Ok(Value::from(number)),
                _ => Err("a number"),
            },
            Self::Switch => match text {
                "true" | "1" => Ok(Value::from(true)),
                "false" | "0" => Ok(Value::from(false)),
                _ => Err("true or false"),
            },
            Self::List => Ok(Value::from(text.split(',').map(str::trim).collect::<Vec<_>>())),
        }
    }
}
