//! Reads what our options say about methods, events and reasons, and lists every place where one is missing.

use crate::crates::{Packages, owner};
use heck::ToSnakeCase;
use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, ExtensionDescriptor, FileDescriptor,
    MessageDescriptor, MethodDescriptor, Value,
};

pub struct Contract {
    pub methods: Vec<Method>,
    pub events: Vec<Event>,
    pub reasons: Vec<Reasons>,
}

pub struct Method {
    /// `/souk.pricing.v1.PricingService/SetPrice`
    pub path: String,
    /// `pricing.set_price`
    pub name: String,
    pub descriptor: MethodDescriptor,
    pub timeout_ms: u64,
    pub per_minute: u64,
    pub burst: u64,
    pub priority: &'static str,
    pub scopes: Vec<String>,
    pub public: bool,
    pub idempotency: &'static str,
}

pub struct Event {
    pub message: MessageDescriptor,
    pub subject: String,
    pub key: Vec<String>,
    pub version: Vec<String>,
    pub outside: bool,
}

impl Event {
    /// What the event is about, whatever happened to it: `catalog.brand` of `catalog.brand.updated`.
    pub fn family(&self) -> &str {
        self.subject.rsplit_once('.').map_or("", |(family, _)| family)
    }

    /// Whether it says that its aggregate is gone.
    pub fn deletes(&self) -> bool {
        self.subject.ends_with(".deleted")
    }

    /// The field that holds the whole aggregate: `brand`, where the key is `brand.brand_id`.
    pub fn aggregate_field(&self) -> Option<&str> {
        self.key.split_last().and_then(|(_, messages)| messages.first()).map(String::as_str)
    }

    /// The message of the whole aggregate, which is the event itself where that holds its own key.
    pub fn aggregate(&self) -> Option<MessageDescriptor> {
        if self.deletes() {
            return None;
        }
        let Some(field) = self.aggregate_field() else { return Some(self.message.clone()) };
        self.message.get_field_by_name(field)?.kind().as_message().cloned()
    }
}

pub struct Reasons {
    pub enumeration: EnumDescriptor,
    pub domain: String,
    pub values: Vec<Reason>,
}

pub struct Reason {
    pub proto_name: String,
    pub kind: String,
    pub comment: String,
}

pub fn read(pool: &DescriptorPool, own: &Packages) -> Result<Contract, Vec<String>> {
    let mut gaps = Vec::new();
    let contract = Contract {
        methods: methods(pool, own, &mut gaps),
        events: events(pool, own, &mut gaps),
        reasons: reasons(pool, own, &mut gaps),
    };
    if gaps.is_empty() { Ok(contract) } else { Err(gaps) }
}

fn methods(pool: &DescriptorPool, own: &Packages, gaps: &mut Vec<String>) -> Vec<Method> {
    let Some(policy) = option(pool, "policy", gaps) else { return Vec::new() };
    let mut methods = Vec::new();
    for service in pool.services().filter(|service| own.contains(service.package_name())) {
        for method in service.methods() {
            let at = place(&service.parent_file(), method.path());
            let name = format!("rpc {}.{}", service.full_name(), method.name());
            let options = method.options();
            if !options.has_extension(&policy) {
                gaps.push(format!("{at}: {name} has no option (souk.options.v1.policy)"));
                continue;
            }
            let Some(policy) = message(&options.get_extension(&policy)) else { continue };
            let read = Method {
                path: format!("/{}/{}", service.full_name(), method.name()),
                name: format!(
                    "{}.{}",
                    owner(service.package_name()),
                    method.name().to_snake_case()
                ),
                timeout_ms: number(&policy, "timeout_ms"),
                per_minute: number(&policy, "per_minute"),
                burst: number(&policy, "burst"),
                priority: priority(&policy),
                scopes: texts(&policy, "scopes"),
                public: flag(&policy, "public"),
                idempotency: idempotency(&method),
                descriptor: method.clone(),
            };
            if read.timeout_ms == 0 || read.per_minute == 0 {
                gaps.push(format!("{at}: {name} has a policy without timeout_ms or per_minute"));
            }
            if read.burst > read.per_minute {
                gaps.push(format!("{at}: {name} has a burst above per_minute"));
            }
            if read.scopes.is_empty() != read.public {
                gaps.push(format!("{at}: {name} needs either scopes or public: true"));
            }
            if method.input().name() != format!("{}Request", method.name()) {
                gaps.push(format!(
                    "{at}: {name} needs a request of its own, {}Request",
                    method.name()
                ));
            }
            methods.push(read);
        }
    }
    methods.sort_by(|a, b| a.path.cmp(&b.path));
    methods
}

fn priority(policy: &DynamicMessage) -> &'static str {
    match policy.get_field_by_name("priority").as_deref() {
        Some(Value::EnumNumber(1)) => "Bulk",
        Some(Value::EnumNumber(3)) => "Critical",
        _ => "Normal",
    }
}

fn idempotency(method: &MethodDescriptor) -> &'static str {
    match method.options().get_field_by_name("idempotency_level").as_deref() {
        Some(Value::EnumNumber(1)) => "NoSideEffects",
        Some(Value::EnumNumber(2)) => "Idempotent",
        _ => "Unknown",
    }
}

fn events(pool: &DescriptorPool, own: &Packages, gaps: &mut Vec<String>) -> Vec<Event> {
    let Some(event) = option(pool, "event", gaps) else { return Vec::new() };
    let mut events = Vec::new();
    for message_type in pool.all_messages().filter(|message| own.contains(message.package_name())) {
        let file = message_type.parent_file();
        let at = place(&file, message_type.path());
        let name = format!("event {}", message_type.full_name());
        let options = message_type.options();
        if !options.has_extension(&event) {
            // Whatever stands at the top of an events.proto is an event; a message it is made of belongs in another file.
            if file.name().ends_with("/events.proto") && message_type.parent_message().is_none() {
                gaps.push(format!("{at}: {name} has no option (souk.options.v1.event)"));
            }
            continue;
        }
        let Some(said) = message(&options.get_extension(&event)) else { continue };
        let read = Event {
            subject: text(&said, "subject"),
            key: text(&said, "key").split('.').map(str::to_owned).collect(),
            version: text(&said, "version").split('.').map(str::to_owned).collect(),
            outside: flag(&said, "outside"),
            message: message_type.clone(),
        };
        let publisher = owner(message_type.package_name());
        if !read.subject.starts_with(&format!("{publisher}.")) {
            gaps.push(format!("{at}: {name} needs a subject that begins with {publisher}."));
        }
        if field_kind(&message_type, &read.key) != Some(prost_reflect::Kind::String) {
            gaps.push(format!("{at}: {name} needs a key that names a string field"));
        }
        if field_kind(&message_type, &read.version) != Some(prost_reflect::Kind::Int64) {
            gaps.push(format!("{at}: {name} needs a version that names an int64 field"));
        }
        if read.deletes() && read.aggregate_field().is_some() {
            gaps.push(format!(
                "{at}: {name} says that its aggregate is gone, so it cannot carry it"
            ));
        }
        events.push(read);
    }
    events.sort_by(|a, b| a.subject.cmp(&b.subject));
    gaps.extend(families_of_two(&events));
    events
}

/// A family is about one aggregate, and an aggregate has one family.
fn families_of_two(events: &[Event]) -> Vec<String> {
    let mut gaps = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let Some(aggregate) = event.aggregate() else { continue };
        for other in &events[at + 1..] {
            let Some(of_other) = other.aggregate() else { continue };
            if (event.family() == other.family()) != (aggregate == of_other) {
                gaps.push(format!(
                    "{} and {}: all events of an aggregate share their subject up to the last word",
                    event.subject, other.subject
                ));
            }
        }
    }
    gaps
}

fn field_kind(message: &MessageDescriptor, path: &[String]) -> Option<prost_reflect::Kind> {
    let (first, rest) = path.split_first()?;
    let kind = message.get_field_by_name(first)?.kind();
    match (&kind, rest.is_empty()) {
        (prost_reflect::Kind::Message(inner), false) => field_kind(inner, rest),
        (_, true) => Some(kind),
        _ => None,
    }
}

fn reasons(pool: &DescriptorPool, own: &Packages, gaps: &mut Vec<String>) -> Vec<Reasons> {
    let Some(refusal) = option(pool, "refusal", gaps) else { return Vec::new() };
    let mut all = Vec::new();
    for enumeration in
        pool.all_enums().filter(|e| own.contains(e.package_name()) && e.name() == "Reason")
    {
        let file = enumeration.parent_file();
        let service = owner(enumeration.package_name());
        let mut values = Vec::new();
        for value in enumeration.values() {
            let kind = message(&value.options().get_extension(&refusal))
                .and_then(|said| kind_name(pool, &said));
            let Some(kind) = kind else {
                gaps.push(format!(
                    "{}: reason {} has no option (souk.options.v1.refusal).kind",
                    place(&file, value.path()),
                    value.full_name()
                ));
                continue;
            };
            if value.number() == 0 {
                continue;
            }
            values.push(Reason {
                proto_name: value.name().to_owned(),
                kind,
                comment: comment(&file, value.path()),
            });
        }
        let domain = if service == "type" { "souk".to_owned() } else { format!("{service}.souk") };
        all.push(Reasons { enumeration, domain, values });
    }
    all.sort_by(|a, b| a.domain.cmp(&b.domain));
    all
}

/// `KIND_NOT_FOUND` as the name of a variant, `NotFound`; none where it is unspecified.
fn kind_name(pool: &DescriptorPool, said: &DynamicMessage) -> Option<String> {
    let number = said.get_field_by_name("kind")?.as_enum_number()?;
    let kinds = pool.get_enum_by_name("souk.options.v1.Kind")?;
    let value = kinds.get_value(number).filter(|value| value.number() != 0)?;
    let name = value.name().strip_prefix("KIND_")?.to_owned();
    Some(heck::ToUpperCamelCase::to_upper_camel_case(name.as_str()))
}

fn option(
    pool: &DescriptorPool,
    name: &str,
    gaps: &mut Vec<String>,
) -> Option<ExtensionDescriptor> {
    let found = pool.get_extension_by_name(&format!("souk.options.v1.{name}"));
    if found.is_none() {
        gaps.push(format!("proto/souk/options/v1/options.proto declares no extension {name}"));
    }
    found
}

fn message(value: &Value) -> Option<DynamicMessage> {
    value.as_message().cloned()
}

fn number(message: &DynamicMessage, field: &str) -> u64 {
    message.get_field_by_name(field).and_then(|value| value.as_u32()).unwrap_or_default().into()
}

fn text(message: &DynamicMessage, field: &str) -> String {
    message
        .get_field_by_name(field)
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn texts(message: &DynamicMessage, field: &str) -> Vec<String> {
    let value = message.get_field_by_name(field);
    let list = value.as_deref().and_then(Value::as_list).unwrap_or_default();
    list.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

fn flag(message: &DynamicMessage, field: &str) -> bool {
    message.get_field_by_name(field).and_then(|value| value.as_bool()).unwrap_or_default()
}

/// `proto/souk/…/x.proto:12`, where a declaration begins.
pub fn place(file: &FileDescriptor, path: &[i32]) -> String {
    let line = location(file, path).and_then(|at| at.span.first().copied()).unwrap_or_default();
    format!("proto/{}:{}", file.name(), line + 1)
}

fn comment(file: &FileDescriptor, path: &[i32]) -> String {
    let text = location(file, path).and_then(|at| at.leading_comments).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn location(
    file: &FileDescriptor,
    path: &[i32],
) -> Option<prost_types::source_code_info::Location> {
    let info = file.file_descriptor_proto().source_code_info.clone()?;
    info.location.into_iter().find(|location| location.path == path)
}
