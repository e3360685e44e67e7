//! From the message of an answer to JSON.

use crate::{money, names};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, ReflectMessage, SerializeOptions, Value as Reflected,
};
use serde_json::Value;
use tonic::body::Body;

/// A message as JSON in protobuf's canonical form, with every field, and amounts beside minor units.
pub fn json(message: &DynamicMessage) -> Value {
    let options = SerializeOptions::new().skip_default_fields(false);
    let json = message.serialize_with_options(serde_json::value::Serializer, &options);
    let mut json = json.unwrap_or(Value::Null);
    money::write(&mut json, &message.descriptor());
    json
}

/// The field of an answer that is the whole of it over HTTP, or the answer itself.
pub(crate) fn shown(field: Option<&FieldDescriptor>, answer: DynamicMessage) -> DynamicMessage {
    let own = field.map(|field| answer.get_field(field).into_owned());
    match own {
        Some(Reflected::Message(own)) => own,
        _ => answer,
    }
}

/// The answer to a request: nothing but its tag where the caller has it already.
pub(crate) fn whole(json: &Value, tag: Option<String>, asked: &HeaderMap) -> Response<Body> {
    let mut response = match tag.as_deref().is_some_and(|tag| has(asked, tag)) {
        true => {
            let mut unchanged = Response::new(Body::empty());
            *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
            unchanged
        }
        false => {
            let text = serde_json::to_vec(json).unwrap_or_default();
            let mut response = Response::new(Body::new(Full::from(text)));
            let kind = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
    };
    if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The version of what was answered, where it is one thing that has one.
pub(crate) fn tag(message: &DynamicMessage) -> Option<String> {
    let descriptor = message.descriptor();
    let mut things = descriptor.fields().filter(|field| {
        let Kind::Message(own) = field.kind() else { return false };
        !field.is_list() && names::is_plain(&own) && own.get_field_by_name("version").is_some()
    });
    let thing = things.next().filter(|field| message.has_field(field))?;
    let value = message.get_field(&thing);
    let version = value.as_message()?.get_field_by_name("version")?.as_i64()?;
    Some(format!("\"{version}\""))
}

/// Whether who asks has the answer with this tag already, by `If-None-Match`.
pub fn has(asked: &HeaderMap, tag: &str) -> bool {
    let sent = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    sent.flat_map(|text| text.split(',')).any(|own| {
        let own = own.trim();
        own == "*" || own.trim_start_matches("W/") == tag
    })
}
