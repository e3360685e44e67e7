//! From an HTTP request to the message of a method.

use crate::names;
use crate::routes::{Body, Route, Verb};
use crate::template::Bound;
use crate::{money, query, scan};
use fault::{Common, Fault};
use http::{HeaderMap, header};
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor};
use serde_json::{Map, Value};
use uuid::Uuid;

/// The header with a `request_id` of any form.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What was read, or why the request is refused.
pub(crate) type Read<T> = Result<T, Fault>;

/// Reads the message of a request. `query` holds what the path's own parameters leave.
pub(crate) fn message(
    route: &Route,
    bound: Bound,
    query: Vec<(String, String)>,
    headers: &HeaderMap,
    body: &[u8],
) -> Read<DynamicMessage> {
    let input = route.method.input();
    let mut json = self::body(route, &input, headers, body)?;
    for (field, value) in query {
        query::set(&mut json, &input, &field, &value)?;
    }
    for (field, value) in bound {
        let spelled = names::path(&input, &field).unwrap_or_default();
        // What the path says is not to be said otherwise by the body.
        remove(&mut json, &spelled.iter().map(|own| own.json_name()).collect::<Vec<_>>());
        query::set(&mut json, &input, &field, &value)?;
    }
    conditions(route, &input, headers, &mut json)?;
    decode(&input, Value::Object(json))
}

/// Reads one JSON text as a message.
pub(crate) fn text(descriptor: &MessageDescriptor, text: &[u8]) -> Read<DynamicMessage> {
    decode(descriptor, parse(descriptor, text)?)
}

fn parse(descriptor: &MessageDescriptor, text: &[u8]) -> Read<Value> {
    // A field that comes twice, and a whole number that is written as another kind, would be changed without a word.
    let (_, scanned) = scan::scan(text, descriptor, &[]);
    scanned.map_err(undecodable)?;
    let json: Value =
        serde_json::from_slice(text).map_err(|error| undecodable(error.to_string()))?;
    match json {
        Value::Object(_) => Ok(json),
        _ => Err(undecodable("it is no JSON object".to_owned())),
    }
}

fn decode(descriptor: &MessageDescriptor, mut json: Value) -> Read<DynamicMessage> {
    money::read(&mut json, descriptor).map_err(undecodable)?;
    let message = DynamicMessage::deserialize(descriptor.clone(), json);
    message.map_err(|error| undecodable(scan::in_a_line(&error)))
}

fn undecodable(why: String) -> Fault {
    Fault::new(Common::Undecodable, format!("the request is not what this method takes: {why}"))
}

fn body(
    route: &Route,
    input: &MessageDescriptor,
    headers: &HeaderMap,
    body: &[u8],
) -> Read<Map<String, Value>> {
    let blank = body.trim_ascii().is_empty();
    let whole = match (&route.body, blank) {
        (Body::Nothing, true) => return Ok(Map::new()),
        (Body::Nothing, false) => return Err(undecodable("it takes no body".to_owned())),
        // The field is left out, which the service refuses where it is needed.
        (_, true) => return Ok(Map::new()),
        (_, false) => {
            require_json(headers)?;
            body
        }
    };
    match &route.body {
        Body::Field(name) => {
            let field = names::field(input, name).map(|field| field.kind());
            let Some(Kind::Message(own)) = field else {
                return Err(Fault::internal(format!("the body {name} is no message")));
            };
            let json = parse(&own, whole)?;
            let mut request = Map::new();
            mask(route, input, &own, &json, &mut request);
            request.insert(json_name(input, name), json);
            Ok(request)
        }
        _ => match parse(input, whole)? {
            Value::Object(json) => Ok(json),
            _ => Ok(Map::new()),
        },
    }
}

fn require_json(headers: &HeaderMap) -> Read<()> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let media = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    match media {
        None => Ok(()),
        Some(media) if media.eq_ignore_ascii_case("application/json") => Ok(()),
        Some(other) => Err(undecodable(format!("send application/json, not {other:?}"))),
    }
}

/// A PATCH changes the fields that its body has, unless it says otherwise.
fn mask(
    route: &Route,
    input: &MessageDescriptor,
    own: &MessageDescriptor,
    body: &Value,
    request: &mut Map<String, Value>,
) {
    let takes_mask = input.get_field_by_name("update_mask").is_some();
    let Some(keys) = body.as_object().filter(|_| takes_mask && route.verb == Verb::Patch) else {
        return;
    };
    let names = keys.keys().filter_map(|key| Some(names::field(own, key)?.json_name().to_owned()));
    let mask = names.collect::<Vec<_>>().join(",");
    request.insert(json_name(input, "update_mask"), Value::String(mask));
}

/// `If-Match` is the version that the caller has read, `Idempotency-Key` makes a repetition safe.
fn conditions(
    route: &Route,
    input: &MessageDescriptor,
    headers: &HeaderMap,
    json: &mut Map<String, Value>,
) -> Read<()> {
    if let Some(tag) = header_text(headers, header::IF_MATCH.as_str())? {
        let version = version(tag).ok_or_else(|| {
            let message = "is no version: send the ETag of an answer, e.g. \"3\"";
            Fault::field(Common::InvalidField, "if-match", message)
        })?;
        put(input, "expected_version", "if-match", Value::String(version.to_string()), json)?;
    }
    if let Some(key) = header_text(headers, IDEMPOTENCY_KEY)? {
        let id = request_id(route, headers, key);
        put(input, "request_id", IDEMPOTENCY_KEY, Value::String(id), json)?;
    }
    Ok(())
}

fn put(
    input: &MessageDescriptor,
    name: &str,
    header: &str,
    value: Value,
    json: &mut Map<String, Value>,
) -> Read<()> {
    let holder = holder(input, name).ok_or_else(|| {
        let message = "this method does not take this header";
        Fault::field(Common::InvalidField, header.to_owned(), message)
    })?;
    let mut at = json;
    for outer in &holder {
        let inner = at.entry(outer.clone()).or_insert_with(|| Value::Object(Map::new()));
        let Some(inner) = inner.as_object_mut() else { return Ok(()) };
        at = inner;
    }
    let name = name_of(name);
    match at.get(&name).or_else(|| at.get(&snake(&name))) {
        Some(other) if *other != value => {
            let message = "contradicts the field of the body";
            Err(Fault::field(Common::InvalidField, header.to_owned(), message))
        }
        _ => {
            at.insert(name, value);
            Ok(())
        }
    }
}

/// Where a request has a field: itself, or the message that it carries.
fn holder(input: &MessageDescriptor, name: &str) -> Option<Vec<String>> {
    if input.get_field_by_name(name).is_some() {
        return Some(Vec::new());
    }
    let inner = input.fields().find(|field| {
        let Kind::Message(own) = field.kind() else { return false };
        !field.is_list() && names::is_plain(&own) && own.get_field_by_name(name).is_some()
    })?;
    Some(vec![inner.json_name().to_owned()])
}

fn name_of(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut upper = false;
    for own in name.chars() {
        match own {
            '_' => upper = true,
            own if upper => {
                camel.push(own.to_ascii_uppercase());
                upper = false;
            }
            own => camel.push(own),
        }
    }
    camel
}

fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 2);
    for own in name.chars() {
        if own.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(own.to_ascii_lowercase());
    }
    snake
}

fn json_name(input: &MessageDescriptor, name: &str) -> String {
    names::field(input, name).map_or_else(|| name.to_owned(), |own| own.json_name().to_owned())
}

fn remove(json: &mut Map<String, Value>, path: &[&str]) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        json.remove(*first);
        json.remove(&snake(first));
    } else if let Some(Value::Object(inner)) = json.get_mut(*first) {
        remove(inner, rest);
    }
}

fn version(tag: &str) -> Option<i64> {
    let tag = tag.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

/// A UUID is taken as it is; any other key becomes one that is the same for the same caller, method and key.
fn request_id(route: &Route, headers: &HeaderMap, key: &str) -> String {
    if let Ok(id) = Uuid::parse_str(key) {
        return id.to_string();
    }
    let name = [&subject(headers), &route.method_path(), key].join("\n");
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
}

/// Whom the token is of. It is not verified here, as a wrong one is refused in any case.
fn subject(headers: &HeaderMap) -> String {
    use base64::Engine;
    let claims = headers.get(header::AUTHORIZATION).and_then(|value| {
        let body = value.to_str().ok()?.split('.').nth(1)?;
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body).ok()?;
        serde_json::from_slice::<Value>(&bytes).ok()
    });
    let subject = claims.as_ref().and_then(|claims| claims.get("sub")?.as_str());
    subject.unwrap_or_default().to_owned()
}

fn header_text<'h>(headers: &'h HeaderMap, name: &str) -> Read<Option<&'h str>> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let wrong = |message: &str| Fault::field(Common::InvalidField, name.to_owned(), message);
    if values.next().is_some() {
        return Err(wrong("comes twice"));
    }
    let text = value.to_str().map_err(|_| wrong("is no text"))?.trim();
    match text.len() {
        1..=255 => Ok(Some(text)),
        _ => Err(wrong("must have 1 to 255 characters")),
    }
}
