//! Writes what the contract says as Rust: the method policies, `impl Event`, `impl Reason`.

use crate::contract::{Contract, Event, Method, Reasons};
use crate::crates::Packages;
use crate::shapes;
use crate::validators::field_name;
use heck::ToUpperCamelCase;
use prost_reflect::{Kind, MessageDescriptor};
use std::collections::BTreeMap;
use std::fmt::Write;

pub fn generate(contract: &Contract, own: &Packages) -> String {
    let mut out = String::new();
    policies(&mut out, &contract.methods);
    events(&mut out, &contract.events, own);
    aggregates(&mut out, &contract.events, own);
    reasons(&mut out, &contract.reasons, own);
    out.push_str(
        "const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!(\"OUT_DIR\"), \"/descriptors.bin\"));\n\
         inventory::submit! { Api { methods: METHODS, events: EVENTS, reasons: REASONS, descriptors: DESCRIPTORS } }\n",
    );
    out
}

fn policies(out: &mut String, methods: &[Method]) {
    out.push_str("const METHODS: &[Policy] = &[\n");
    for method in methods {
        let _ = writeln!(
            out,
            "Policy {{ path: {:?}, name: {:?}, timeout: std::time::Duration::from_millis({}), per_minute: {}, burst: {:?}, priority: Priority::{}, \
             scopes: &{:?}, public: {}, takes_stream: {}, gives_stream: {}, idempotency: Idempotency::{}, request_id: {:?} }},",
            method.path,
            method.name,
            method.timeout_ms,
            method.per_minute,
            (method.burst > 0).then_some(method.burst),
            method.priority,
            method.scopes,
            method.public,
            method.descriptor.is_client_streaming(),
            method.descriptor.is_server_streaming(),
            method.idempotency,
            request_id(&method.descriptor.input()),
        );
    }
    out.push_str("];\n");
}

/// The number of the idempotency key, where the request has one.
fn request_id(request: &MessageDescriptor) -> Option<u32> {
    let field = request.get_field_by_name("request_id")?;
    (field.kind() == Kind::String && !field.is_list()).then(|| field.number())
}

fn events(out: &mut String, events: &[Event], own: &Packages) {
    for event in events {
        let _ = writeln!(
            out,
            "impl Event for {} {{\n\
             const SUBJECT: &'static str = {:?};\n\
             const TYPE: &'static str = {:?};\n\
             fn key(&self) -> &str {{ {} }}\n\
             const FAMILY: &'static str = {:?};\n\
             fn version(&self) -> i64 {{ {} }}\n\
             fn state(&self) -> Option<Vec<u8>> {{ {} }}\n}}",
            own.rust_type(event.message.full_name()),
            event.subject,
            event.message.full_name(),
            read(&event.key, "\"\"", "x.as_str()"),
            event.family(),
            read(&event.version, "0", "*x"),
            state(event),
        );
    }
    out.push_str("const EVENTS: &[EventInfo] = &[\n");
    for event in events {
        let _ = writeln!(
            out,
            "EventInfo {{ subject: {:?}, message: {:?}, outside: {}, shape: {:?}, read: Fact::read::<{}> }},",
            event.subject,
            event.message.full_name(),
            event.outside,
            shapes::digest(&event.message),
            own.rust_type(event.message.full_name()),
        );
    }
    out.push_str("];\n");
}

/// The encoded state that an event carries; nothing where it says that the aggregate is gone.
fn state(event: &Event) -> String {
    match (event.aggregate_field(), event.deletes()) {
        (_, true) => "None".to_owned(),
        (Some(field), false) => {
            format!("self.{}.as_ref().map(prost::Message::encode_to_vec)", field_name(field))
        }
        (None, false) => "Some(prost::Message::encode_to_vec(self))".to_owned(),
    }
}

/// An expression that follows `path` through the messages of `self`; an absent message on the way gives `absent`.
fn read(path: &[String], absent: &str, last: &str) -> String {
    let Some((field, messages)) = path.split_last() else { return absent.to_owned() };
    let mut inner = "Some(self)".to_owned();
    for message in messages {
        inner = format!("{inner}.and_then(|m| m.{}.as_ref())", field_name(message));
    }
    format!("{inner}.map_or({absent}, |m| {{ let x = &m.{}; {last} }})", field_name(field))
}

/// Families of events whose aggregate is a message: `catalog.brand` is of `Brand`, which its events carry whole.
fn aggregates(out: &mut String, events: &[Event], own: &Packages) {
    let mut families: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events {
        families.entry(event.family()).or_default().push(event);
    }
    for (family, events) in families {
        let Some(aggregate) = events.iter().find_map(|event| event.aggregate()) else { continue };
        let name = own.rust_type(aggregate.full_name());
        let subjects: Vec<&str> = events.iter().map(|event| event.subject.as_str()).collect();
        let arms: String = events.iter().map(|event| reading(event, own)).collect();
        let _ = writeln!(
            out,
            "impl Aggregate for {name} {{\n\
             const FAMILY: &'static str = {family:?};\n\
             const SUBJECTS: &'static [&'static str] = &{subjects:?};\n\
             fn read(subject: &str, payload: &[u8]) -> Result<Observed<Self>, Unreadable> {{\n\
             match subject {{ {arms} _ => Err(Unreadable::OtherFamily) }}\n}}\n}}"
        );
    }
}

/// The arm that takes the aggregate out of an event.
fn reading(event: &Event, own: &Packages) -> String {
    let name = own.rust_type(event.message.full_name());
    let state = match (event.aggregate_field(), event.deletes()) {
        (_, true) => "None".to_owned(),
        (Some(field), false) => format!("event.{}", field_name(field)),
        (None, false) => "Some(event)".to_owned(),
    };
    format!(
        "{:?} => {{ let event = check::<{name}>(payload)?; \
         Ok(Observed {{ key: event.key().to_owned(), version: event.version(), state: {state} }}) }}\n",
        event.subject
    )
}

fn reasons(out: &mut String, all: &[Reasons], own: &Packages) {
    for reasons in all {
        let path = own.rust_type(reasons.enumeration.full_name());
        let arm = |result: &dyn Fn(&crate::contract::Reason) -> String, rest: &str| {
            let mut arms = String::new();
            for value in &reasons.values {
                let _ =
                    writeln!(arms, "Self::{} => {},", variant(&value.proto_name), result(value));
            }
            format!("match self {{ {arms} Self::Unspecified => {rest} }}")
        };
        let _ = writeln!(
            out,
            "impl Reason for {path} {{\n\
             fn kind(self) -> Kind {{ {} }}\n\
             fn name(self) -> &'static str {{ {} }}\n\
             fn domain(self) -> &'static str {{ {:?} }}\n}}",
            arm(&|value| format!("Kind::{}", value.kind), "Kind::Internal"),
            arm(&|value| format!("{:?}", wire(&value.proto_name)), "\"UNSPECIFIED\""),
            reasons.domain,
        );
    }
    out.push_str("const REASONS: &[ReasonInfo] = &[\n");
    for reasons in all {
        for value in &reasons.values {
            let _ = writeln!(
                out,
                "ReasonInfo {{ domain: {:?}, name: {:?}, kind: Kind::{}, meaning: {:?} }},",
                reasons.domain,
                wire(&value.proto_name),
                value.kind,
                value.comment
            );
        }
    }
    out.push_str("];\n");
}

fn wire(proto_name: &str) -> &str {
    proto_name.strip_prefix("REASON_").unwrap_or(proto_name)
}

fn variant(proto_name: &str) -> String {
    wire(proto_name).to_upper_camel_case()
}
