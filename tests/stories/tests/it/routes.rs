//! Every route answers over HTTP as its method does over gRPC.

use crate::http::{Shop, json};
use crate::raw::{methods, path, send_for};
use http::{Method, StatusCode};
use prost::Message as _;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, ReflectMessage,
    Value,
};
use rest::{Route, Routes};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use testkit::{Caller, reason};
use tonic_types::StatusExt;
use uuid::Uuid;

/// What fields are filled with, by name: things that are there.
type Known = BTreeMap<&'static str, String>;

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_as_its_method_does() {
    let own = ["Catalog", "Pricing", "Search", "Analytics"];
    let own = own.map(|name| format!("souk.{}.v1.{name}Service", name.to_lowercase()));
    let routes = Routes::of(&own.each_ref().map(String::as_str));
    let answered = compare_all(Shop::open().await, &routes).await;
    assert!(answered > 20, "only {answered} routes did not refuse");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_the_same_through_the_gateway() {
    let routes = Routes::all().preferring("gateway");
    assert!(routes.iter().filter(|route| route.service() == "gateway").count() >= 3);
    let answered = compare_all(Shop::with_gateway().await, &routes).await;
    assert!(answered > 20, "only {answered} routes did not refuse");
}

/// Calls each route over HTTP and its method over gRPC; returns how many did not refuse.
async fn compare_all(shop: Shop, routes: &Routes) -> usize {
    let by_path: BTreeMap<String, MethodDescriptor> =
        methods().into_iter().map(|method| (path(&method), method)).collect();
    let mut all: Vec<(&Route, &MethodDescriptor)> = routes
        .iter()
        .map(|route| (route, &by_path[&route.method_path()]))
        .filter(|(_, method)| !method.is_client_streaming() && !method.is_server_streaming())
        .collect();
    all.sort_by_key(|(route, _)| route.verb());
    assert!(all.len() > 35, "{}", all.len());
    let known = fill_shop(&shop).await;
    let mut answered = 0;
    for (route, method) in all {
        let mut message = message(&method.input(), &known, 4);
        if route.body_field().is_none() {
            without_lists(&mut message);
        }
        bind(route, &mut message, &known);
        answered += usize::from(compare(&shop, route, method, &message).await);
        // And with nothing but what the path needs.
        let mut bare = DynamicMessage::new(method.input());
        bind(route, &mut bare, &known);
        compare(&shop, route, method, &bare).await;
    }
    shop.mesh.finish().await;
    answered
}

async fn fill_shop(shop: &Shop) -> Known {
    let brand = shop.post("/api/v1/catalog/brands", json!({ "name": "Acme" })).await;
    let category = json!({ "key": "lamps", "name": "Lamps" });
    let category = shop.post("/api/v1/catalog/categories", category).await;
    let draft = json!({ "product": { "title": "Lamp" }, "variants": [{ "sku": "LAMP-1" }] });
    let product = shop.post("/api/v1/catalog/products", draft).await;
    let base = json!({ "currencyCode": "USD", "minorUnits": "5" });
    let price = json!({ "item": { "sku": "LAMP-1" }, "base": base });
    let price = shop.post("/api/v1/pricing/prices", price).await;
    let text = |json: &Json| json.as_str().unwrap().to_owned();
    BTreeMap::from([
        ("brand_id", text(&brand["brand"]["brandId"])),
        ("category_id", text(&category["category"]["categoryId"])),
        ("product_id", text(&product["product"]["productId"])),
        ("variant_id", text(&product["variants"][0]["variantId"])),
        ("price_id", text(&price["price"]["priceId"])),
        ("sku", "LAMP-1".to_owned()),
        ("currency_code", "USD".to_owned()),
        ("name", "Other".to_owned()),
        ("title", "Another".to_owned()),
        ("code", "finish".to_owned()),
    ])
}

fn message(descriptor: &MessageDescriptor, known: &Known, depth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    let skipped = ["page_size", "page_token", "expected_version", "update_mask", "validate_only"];
    for field in descriptor.fields().filter(|field| !field.is_map()) {
        let of_oneof = field.containing_oneof().is_some_and(|oneof| {
            !oneof.is_synthetic() && oneof.fields().any(|other| message.has_field(&other))
        });
        if skipped.contains(&field.name()) || of_oneof {
            continue;
        }
        if let Some(value) = value(&field, known, depth) {
            let value = if field.is_list() { Value::List(vec![value]) } else { value };
            message.set_field(&field, value);
        }
    }
    message
}

fn value(field: &FieldDescriptor, known: &Known, depth: usize) -> Option<Value> {
    match field.kind() {
        Kind::String if field.name() == "request_id" => {
            Some(Value::String(Uuid::now_v7().to_string()))
        }
        Kind::String => {
            let name = field.name().trim_end_matches('s');
            known.get(name).or_else(|| known.get(field.name())).cloned().map(Value::String)
        }
        Kind::Int64 if field.name() == "minor_units" => Some(Value::I64(7)),
        Kind::Enum(own) => own.values().nth(1).map(|value| Value::EnumNumber(value.number())),
        Kind::Message(own) if own.package_name() != "google.protobuf" && depth > 0 => {
            Some(Value::Message(message(&own, known, depth - 1)))
        }
        _ => None,
    }
}

/// A query has no room for lists of messages, nor for a message without a field.
fn without_lists(message: &mut DynamicMessage) {
    for field in message.descriptor().fields() {
        let Kind::Message(_) = field.kind() else { continue };
        if field.is_list() {
            message.clear_field(&field);
        } else if message.has_field(&field)
            && let Value::Message(inner) = message.get_field_mut(&field)
        {
            without_lists(inner);
            if inner.fields().next().is_none() {
                message.clear_field(&field);
            }
        }
    }
}

/// Gives the fields of the path their values, and a PATCH its mask.
fn bind(route: &Route, message: &mut DynamicMessage, known: &Known) {
    for dotted in bound(route) {
        let names: Vec<&str> = dotted.split('.').collect();
        let (last, way) = names.split_last().unwrap();
        let mut at = &mut *message;
        for name in way {
            let Value::Message(inner) = at.get_field_by_name_mut(name).unwrap() else { panic!() };
            at = inner;
        }
        let value = known.get(last).cloned().unwrap_or_else(|| "x".to_owned());
        at.set_field_by_name(last, Value::String(value));
    }
    if route.verb().to_string() != "PATCH" {
        return;
    }
    let Some(mask) = message.descriptor().get_field_by_name("update_mask") else { return };
    let body = route.body_field().unwrap();
    if !message.has_field_by_name(body) {
        return;
    }
    let set: Vec<Value> = match message.get_field_by_name(body).as_deref() {
        Some(Value::Message(own)) => {
            own.fields().map(|(field, _)| Value::String(field.name().to_owned())).collect()
        }
        _ => Vec::new(),
    };
    let Kind::Message(own) = mask.kind() else { panic!() };
    let mut paths = DynamicMessage::new(own);
    paths.set_field_by_name("paths", Value::List(set));
    message.set_field(&mask, Value::Message(paths));
}

fn bound(route: &Route) -> Vec<String> {
    let segments = route.path().split(['/', ':']);
    segments.filter_map(|own| Some(own.strip_prefix('{')?.strip_suffix('}')?.to_owned())).collect()
}

/// Calls both ways; true where both answer, else both refuse for the same reason.
async fn compare(
    shop: &Shop,
    route: &Route,
    method: &MethodDescriptor,
    message: &DynamicMessage,
) -> bool {
    let what = format!("{} {}", route.verb(), route.path());
    let caller = Caller::new(shop.mesh.channel(), Some(shop.mesh.token()));
    let over_grpc = send_for(caller, method, message.encode_to_vec().into()).await;
    let (path, body) = request(route, message);
    let verb = Method::from_bytes(route.verb().to_string().as_bytes()).unwrap();
    let over_http = shop.ask(verb, &path, &[], body).await;
    let status = over_http.status();
    let json = json(over_http).await;
    match over_grpc {
        Ok(bytes) => {
            assert_eq!(status, StatusCode::OK, "{what} {path}: {json}");
            let answer = DynamicMessage::decode(method.output(), bytes).unwrap();
            let expected = rest::json(&answer);
            let expected = match route.answer_field() {
                Some(field) => expected[field].clone(),
                None => expected,
            };
            assert_eq!(without_times(json), without_times(expected), "{what}");
            true
        }
        Err(refusal) => {
            assert!(status.is_client_error() || status.is_server_error(), "{what}: {json}");
            assert_eq!(json["reason"], reason(&refusal), "{what}: {json}");
            let fields: Vec<String> = refusal
                .get_details_bad_request()
                .map(|own| own.field_violations.into_iter().map(|own| own.field).collect())
                .unwrap_or_default();
            let shown: Vec<&str> = json["fields"]
                .as_array()
                .unwrap()
                .iter()
                .map(|own| own["field"].as_str().unwrap())
                .collect();
            assert_eq!(shown, fields, "{what}");
            false
        }
    }
}

/// When something was looked at differs between two calls.
fn without_times(mut json: Json) -> Json {
    match &mut json {
        Json::Object(object) => {
            for name in ["asOf", "at", "evaluatedAt", "operation"] {
                object.remove(name);
            }
            object.values_mut().for_each(|value| *value = without_times(value.take()));
        }
        Json::Array(items) => items.iter_mut().for_each(|item| *item = without_times(item.take())),
        _ => {}
    }
    json
}

/// Path with query, and body, of a request.
fn request(route: &Route, message: &DynamicMessage) -> (String, Option<Json>) {
    let mut json = serde_json::to_value(message).unwrap();
    let mut path = route.path().to_owned();
    for dotted in bound(route) {
        let pointer = format!("/{}", dotted.split('.').map(camel).collect::<Vec<_>>().join("/"));
        let value = json.pointer_mut(&pointer).unwrap().take();
        let encoded = percent_encoding::utf8_percent_encode(
            value.as_str().unwrap(),
            percent_encoding::NON_ALPHANUMERIC,
        );
        path = path.replace(&format!("{{{dotted}}}"), &encoded.to_string());
    }
    drop_nulls(&mut json);
    match route.body_field() {
        Some("*") => (path, Some(json)),
        Some(field) => {
            let body = json[camel(field)].take();
            drop_nulls(&mut json);
            json.as_object_mut().unwrap().retain(|name, _| name != "updateMask");
            (format!("{path}{}", query(&json)), (!body.is_null()).then_some(body))
        }
        None => (format!("{path}{}", query(&json)), None),
    }
}

fn query(json: &Json) -> String {
    let mut pairs = Vec::new();
    flatten("", json, &mut pairs);
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

fn flatten(prefix: &str, json: &Json, pairs: &mut Vec<String>) {
    match json {
        Json::Object(object) => object.iter().for_each(|(name, value)| {
            let dot = if prefix.is_empty() { "" } else { "." };
            flatten(&format!("{prefix}{dot}{name}"), value, pairs);
        }),
        Json::Array(items) => items.iter().for_each(|item| flatten(prefix, item, pairs)),
        Json::String(text) => pairs.push(format!("{prefix}={}", text.replace(' ', "+"))),
        other => pairs.push(format!("{prefix}={other}")),
    }
}

fn drop_nulls(json: &mut Json) {
    if let Json::Object(object) = json {
        object.values_mut().for_each(drop_nulls);
        object.retain(|_, value| !value.is_null());
    }
}

fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut all, part| {
        let (initial, rest) = part.split_at(1);
        all.push_str(&initial.to_uppercase());
        all.push_str(rest);
        all
    })
}
