//! The routes as an OpenAPI 3.1 document, for people and for generators of clients.

mod schema;

use crate::names;
use crate::routes::{Body, Route, Routes};
use prost_reflect::{Kind, MessageDescriptor};
use schema::{Schemas, comment};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Messages in a query are spelled out down to this depth.
const MAX_DEPTH: usize = 3;

/// The document of these routes.
pub fn document(routes: &Routes) -> Value {
    let mut schemas = Schemas::default();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for route in routes.iter() {
        let times = seen.entry(route.method_path()).or_default();
        *times += 1;
        let operation = operation(route, *times, &mut schemas);
        let at = paths.entry(path(route)).or_default();
        at.insert(route.verb().to_string().to_lowercase(), operation);
    }
    let mut components = schemas.finish();
    components.insert("Refusal".to_owned(), refusal());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Souk",
            "version": "1",
            "license": { "name": "Apache 2.0", "identifier": "Apache-2.0" },
            "description": "Generated from the contract. Whole numbers of 64 bits are texts; money has its exact decimal `amount` beside `minorUnits`. \
                            `Idempotency-Key` makes a repetition safe, `ETag` and `If-Match` a change of what was read.",
        },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } },
        },
    })
}

/// Its path as clients see it, with the last names of the fields: paths that differ in the names of parameters alone would be the same.
fn path(route: &Route) -> String {
    let fields = route.template.fields();
    fields.fold(route.path().to_owned(), |path, dotted| {
        path.replace(&format!("{{{dotted}}}"), &format!("{{{}}}", last(dotted)))
    })
}

fn last(dotted: &str) -> &str {
    dotted.rsplit_once('.').map_or(dotted, |(_, last)| last)
}

fn operation(route: &Route, times: usize, schemas: &mut Schemas) -> Value {
    let method = &route.method;
    let policy = contracts::policy(&route.method_path());
    let text = comment(&method.parent_service().parent_file(), method.path());
    let summary = text.split_inclusive('.').next().unwrap_or_default().trim().to_owned();
    let name = format!("{}_{}", method.parent_service().name(), method.name());
    let kind = if route.streams() { "application/x-ndjson" } else { "application/json" };
    let answer = json!({ kind: { "schema": answer(route, schemas) } });
    let refused = json!({ "application/json": { "schema": schema::link("Refusal") } });
    let mut operation = json!({
        "operationId": if times > 1 { format!("{name}_{times}") } else { name },
        "tags": [route.service()],
        "summary": summary,
        "description": text,
        "parameters": parameters(route, schemas),
        "responses": {
            "200": { "description": "Done.", "content": answer },
            "default": { "description": "Refused.", "content": refused },
        },
    });
    let Some(own) = operation.as_object_mut() else { return operation };
    if let Some(body) = body(route, schemas) {
        let content = json!({ kind: { "schema": body } });
        own.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
    }
    match policy {
        Some(policy) if policy.public => drop(own.insert("security".to_owned(), json!([]))),
        Some(policy) => drop(own.insert("x-scopes".to_owned(), json!(policy.scopes))),
        None => {}
    }
    operation
}

/// A message; a numbered page says also which one it is.
fn answer(route: &Route, schemas: &mut Schemas) -> Value {
    let message = route.method.output();
    let shown = route.answer.as_ref().and_then(|field| field.kind().as_message().cloned());
    let own = schemas.reference(shown.as_ref().unwrap_or(&message));
    if !is_numbered(route) {
        return own;
    }
    let only = "Where the request has page or limit.";
    let number = |text: &str| json!({ "type": "integer", "description": format!("{text} {only}") });
    let mut paging = Map::new();
    paging.insert("page".to_owned(), number("Number of this page, from 1."));
    paging.insert("limit".to_owned(), number("Most entries of a page."));
    if message.get_field_by_name("total").is_none() {
        paging.insert("total".to_owned(), number("Entries of all pages, at most 10,000."));
    }
    json!({ "allOf": [own, { "type": "object", "properties": paging }] })
}

/// Whether its pages can be asked for by number.
fn is_numbered(route: &Route) -> bool {
    route.body == Body::Nothing && route.method.input().get_field_by_name("page_token").is_some()
}

fn body(route: &Route, schemas: &mut Schemas) -> Option<Value> {
    match &route.body {
        Body::Nothing => None,
        Body::Everything => Some(schemas.reference(&route.method.input())),
        Body::Field(name) => {
            let Kind::Message(own) = names::field(&route.method.input(), name)?.kind() else {
                return None;
            };
            Some(schemas.reference(&own))
        }
    }
}

fn parameters(route: &Route, schemas: &mut Schemas) -> Vec<Value> {
    let input = route.method.input();
    let mut parameters = Vec::new();
    let bound: Vec<&str> = route.template.fields().collect();
    for dotted in &bound {
        let fields = names::path(&input, dotted).unwrap_or_default();
        let Some(field) = fields.last() else { continue };
        let schema = schemas.field(field);
        let name = last(dotted);
        parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": schema }));
    }
    if route.body == Body::Nothing {
        query(&input, "", &bound, MAX_DEPTH, schemas, &mut parameters);
        if is_numbered(route) {
            for (name, text) in [
                ("page", "Number of the page, from 1, instead of a token."),
                ("limit", "Entries of a numbered page, at most 250."),
            ] {
                parameters.push(json!({
                    "name": name, "in": "query", "description": text, "schema": { "type": "integer" },
                }));
            }
        }
    }
    for (field, header, text) in [
        ("request_id", "Idempotency-Key", "Makes a repetition of the request safe for 24 hours."),
        (
            "expected_version",
            "If-Match",
            "The ETag that was read: refused where it has changed since.",
        ),
    ] {
        if input.get_field_by_name(field).is_some() {
            parameters.push(json!({
                "name": header, "in": "header", "description": text, "schema": { "type": "string" },
            }));
        }
    }
    parameters
}

/// The fields that a query can hold.
fn query(
    message: &MessageDescriptor,
    prefix: &str,
    bound: &[&str],
    depth: usize,
    schemas: &mut Schemas,
    parameters: &mut Vec<Value>,
) {
    for field in message.fields().filter(|field| !field.is_map()) {
        let name = format!("{prefix}{}", field.json_name());
        let proto_name = format!("{prefix}{}", field.name());
        if bound.contains(&proto_name.as_str()) || field.name() == "request_id" {
            continue;
        }
        if let Kind::Message(inner) = field.kind()
            && names::is_plain(&inner)
        {
            if !field.is_list() && depth > 0 {
                query(&inner, &format!("{name}."), bound, depth - 1, schemas, parameters);
            }
            continue;
        }
        let text = comment(&message.parent_file(), field.path());
        parameters.push(json!({
            "name": name, "in": "query", "description": text, "schema": schemas.field(&field),
        }));
    }
}

fn refusal() -> Value {
    json!({
        "type": "object",
        "required": ["reason", "message", "fields", "request_id"],
        "properties": {
            "reason": { "type": "string", "description": "Why, for programs: e.g. PRODUCT_NOT_FOUND." },
            "message": { "type": "string", "description": "Why, for people." },
            "fields": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "message"],
                    "properties": { "field": { "type": "string" }, "message": { "type": "string" } },
                },
            },
            "request_id": { "type": "string", "description": "Give it to whoever helps." },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog_api as _;
    use pricing_api as _;
    use search_api as _;

    #[test]
    fn every_route_and_every_schema_that_it_names_is_there() {
        let document = document(&Routes::all());
        let text = document.to_string();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for reference in text.split("#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "{name}");
        }
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.len() >= 25, "{}", paths.len());
        let mut ids = std::collections::BTreeSet::new();
        for operation in paths.values().flat_map(|path| path.as_object().unwrap().values()) {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{id} comes twice");
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{id}");
        }
        let get = &paths["/api/v1/catalog/products/{product_id}"]["get"];
        assert_eq!(get["parameters"][0]["schema"]["format"], "uuid");
        assert_eq!(get["x-scopes"][0], "catalog:read");
        let priced = &paths["/api/v1/pricing/products/{product_id}/price"]["get"];
        assert_eq!(priced["parameters"][0]["name"], "product_id");
        let price = &paths["/api/v1/pricing/prices/{price_id}"];
        assert!(price["delete"].is_object() && price["patch"].is_object());
        let money = &schemas["souk.type.v1.Money"]["properties"];
        assert_eq!(money["minorUnits"]["type"], "string");
        assert!(money["amount"].is_object());
    }

    #[test]
    fn a_numbered_page_says_how_many_there_are() {
        let document = document(&Routes::all());
        let answer = |path: &str, verb: &str| {
            let answer = &document["paths"][path][verb]["responses"]["200"];
            answer["content"]["application/json"]["schema"].clone()
        };
        let list = answer("/api/v1/catalog/products", "get");
        assert_eq!(list["allOf"][1]["properties"]["total"]["type"], "integer");
        let search = answer("/api/v1/search/products", "get");
        assert!(search["allOf"][1]["properties"]["page"].is_object());
        assert!(search["allOf"][1]["properties"]["total"].is_null(), "it has one of its own");
        let found = &document["components"]["schemas"]["souk.search.v1.SearchProductsResponse"];
        assert_eq!(found["properties"]["total"]["type"], json!(["string", "integer"]));
        assert!(answer("/api/v1/search/products", "post")["allOf"].is_null());
    }
}
