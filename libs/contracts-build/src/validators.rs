//! Turns `buf.validate` rules into plain Rust. A rule that this generator does not know fails the build, so no annotation
//! can be written that nobody checks. Messages, rule ids and order follow the reference implementation, protovalidate.

use crate::contract::place;
use crate::crates::{Packages, ours};
use heck::{ToSnakeCase, ToUpperCamelCase};
use prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind,
    MessageDescriptor, OneofDescriptor, Value,
};
use std::collections::BTreeSet;
use std::fmt::Write;

pub fn generate(pool: &DescriptorPool, own: &Packages) -> Result<String, Vec<String>> {
    let mut generator = Generator {
        own,
        sent: sent(pool),
        field_rules: pool.get_extension_by_name("buf.validate.field"),
        oneof_rules: pool.get_extension_by_name("buf.validate.oneof"),
        gaps: Vec::new(),
        patterns: String::new(),
    };
    let mut out = String::new();
    for message in pool.all_messages().filter(|m| own.contains(m.package_name())) {
        let (body, bounds) = (generator.message(&message), generator.bounds(&message));
        let _ = writeln!(
            out,
            "impl ::contracts::Validate for {} {{\nfn bounds() -> &'static Bounds {{ static BOUNDS: Bounds = Bounds {{ fields: &[{bounds}] }}; &BOUNDS }}\nfn check(&self, at: &Path<'_>, out: &mut Violations) {{\n{body}}}\n}}",
            own.rust_type(message.full_name())
        );
    }
    out.push_str(&generator.patterns);
    if generator.gaps.is_empty() { Ok(out) } else { Err(generator.gaps) }
}

/// A field's name as prost writes it.
pub fn field_name(name: &str) -> String {
    let snake = name.to_snake_case();
    if matches!(snake.as_str(), "type" | "match" | "ref" | "move" | "use" | "where") {
        format!("r#{snake}")
    } else {
        snake
    }
}

struct Generator<'a> {
    own: &'a Packages,
    /// The messages that callers send.
    sent: BTreeSet<String>,
    field_rules: Option<ExtensionDescriptor>,
    oneof_rules: Option<ExtensionDescriptor>,
    gaps: Vec<String>,
    patterns: String,
}

impl Generator<'_> {
    fn message(&mut self, message: &MessageDescriptor) -> String {
        let mut body = String::new();
        let mut oneofs_done = Vec::new();
        for field in message.fields() {
            match field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) {
                Some(oneof) if oneofs_done.contains(&oneof.name().to_owned()) => {}
                Some(oneof) => {
                    oneofs_done.push(oneof.name().to_owned());
                    body.push_str(&self.oneof(message, &oneof));
                }
                None => body.push_str(&self.field(&field)),
            }
        }
        if body.is_empty() { "let _ = (at, out);\n".to_owned() } else { body }
    }

    /// The fields that can hold many elements, or messages that can.
    fn bounds(&self, message: &MessageDescriptor) -> String {
        let mut bounds = String::new();
        for field in message.fields() {
            let (size, inner) = match field.kind() {
                Kind::Message(inner) if ours(inner.package_name()) => {
                    let inner = self.own.rust_type(inner.full_name());
                    let bounds = format!("Some(<{inner} as ::contracts::Validate>::bounds)");
                    (format!("size_of::<{inner}>()"), bounds)
                }
                Kind::Message(inner) => match inner.full_name() {
                    "google.protobuf.Struct" => {
                        ("32".to_owned(), "Some(bounds::of_struct)".to_owned())
                    }
                    _ => ("32".to_owned(), "None".to_owned()),
                },
                Kind::String | Kind::Bytes => ("size_of::<String>()".to_owned(), "None".to_owned()),
                _ => ("8".to_owned(), "None".to_owned()),
            };
            let is_list = field.cardinality() == Cardinality::Repeated;
            if !is_list && inner == "None" {
                continue;
            }
            let max =
                self.rules(&field).iter().flat_map(typed_rules).find_map(|(rule, value)| {
                    value.as_u64().filter(|_| rule == "repeated.max_items")
                });
            let (name, number) = (field.name(), field.number());
            let size = if is_list { size } else { "0".to_owned() };
            let max = max.map_or_else(|| "None".to_owned(), |max| format!("Some({max})"));
            let _ = write!(
                bounds,
                "FieldBounds {{ number: {number}, name: {name:?}, max_items: {max}, size: {size}, message: {inner} }},"
            );
        }
        bounds
    }

    fn oneof(&mut self, message: &MessageDescriptor, oneof: &OneofDescriptor) -> String {
        let module = {
            let path = self.own.rust_type(message.full_name());
            let (package, name) = path.rsplit_once("::").unwrap_or_default();
            format!("{package}::{}::{}", name.to_snake_case(), oneof.name().to_upper_camel_case())
        };
        let mut arms = String::new();
        for field in oneof.fields() {
            let checks = self.value(&field, "value");
            if !checks.is_empty() {
                let _ = writeln!(
                    arms,
                    "Some({module}::{}(value)) => {{ let at = &at.field({:?});\n{checks} }}",
                    field.name().to_upper_camel_case(),
                    field.name()
                );
            }
        }
        let required = self
            .oneof_rules
            .as_ref()
            .filter(|rules| oneof.options().has_extension(rules))
            .and_then(|rules| oneof.options().get_extension(rules).as_message().cloned())
            .is_some_and(|rules| is_true(&rules, "required"));
        if required {
            let _ = writeln!(
                arms,
                "None => out.push(at.field({:?}).violation(\"required\", \"exactly one field is required in oneof\")),",
                oneof.name()
            );
        }
        if arms.is_empty() {
            return String::new();
        }
        format!("match &self.{} {{ {arms} _ => {{}} }}\n", field_name(oneof.name()))
    }

    fn field(&mut self, field: &FieldDescriptor) -> String {
        let name = field_name(field.name());
        let rules = self.rules(field);
        let at = format!("let at = &at.field({:?});\n", field.name());
        if rules.as_ref().is_some_and(|rules| ignore(rules) == Ignore::Always) {
            return String::new();
        }
        if field.cardinality() == Cardinality::Repeated {
            let checks = self.list(field, rules.as_ref());
            return wrap(&checks, &format!("{{ {at} let list = &self.{name};\n{checks} }}\n"));
        }
        let checks = self.value(field, "value");
        let required = rules.as_ref().is_some_and(|rules| is_true(rules, "required"));
        if field.supports_presence() {
            let absent = if required {
                "None => out.push(at.violation(\"required\", \"value is required\")),"
            } else {
                "None => {}"
            };
            if checks.is_empty() && !required {
                return String::new();
            }
            let used = if checks.is_empty() { "_" } else { "value" };
            return format!(
                "{{ {at} match self.{name}.as_ref() {{ Some({used}) => {{ {checks} }} {absent} }} }}\n"
            );
        }
        if required {
            self.gap(field, "required on a field without presence");
        }
        let zero_is_fine = rules.as_ref().is_some_and(|rules| ignore(rules) == Ignore::IfZero);
        let checked = if zero_is_fine {
            format!("if !is_zero(value) {{ {checks} }}")
        } else {
            checks.clone()
        };
        wrap(&checks, &format!("{{ {at} let value = &self.{name};\n{checked} }}\n"))
    }

    /// Checks of one value, which is bound by reference to `value`.
    fn value(&mut self, field: &FieldDescriptor, value: &str) -> String {
        let rules = self.rules(field);
        self.checks(field, rules.as_ref(), value)
    }

    fn checks(
        &mut self,
        field: &FieldDescriptor,
        rules: Option<&DynamicMessage>,
        value: &str,
    ) -> String {
        let mut checks = String::new();
        if let Kind::Message(message) = field.kind()
            && ours(message.package_name())
        {
            let _ = writeln!(checks, "{value}.check(at, out);");
        }
        if field.kind() == Kind::String && self.sent.contains(field.parent_message().full_name()) {
            let _ = writeln!(
                checks,
                "if has_control({value}) {{ out.push(at.violation(\"string.control\", \"must not hold control characters\")); }}"
            );
        }
        for (rule, argument) in rules.iter().flat_map(|rules| typed_rules(rules)) {
            match check(field, &rule, &argument, value, self) {
                Some(check) => checks.push_str(&check),
                None => self.gap(
                    field,
                    &format!("rule {rule} is not known to libs/contracts-build/src/validators.rs"),
                ),
            }
        }
        checks
    }

    fn list(&mut self, field: &FieldDescriptor, rules: Option<&DynamicMessage>) -> String {
        let mut checks = String::new();
        let mut each = String::new();
        let items =
            rules.iter().flat_map(|rules| typed_rules(rules)).find_map(|(rule, argument)| {
                argument.as_message().filter(|_| rule == "repeated.items").cloned()
            });
        if items.as_ref().is_none_or(|items| ignore(items) != Ignore::Always) {
            each.push_str(&self.checks(field, items.as_ref(), "value"));
        }
        for (rule, argument) in rules.iter().flat_map(|rules| typed_rules(rules)) {
            match (rule.as_str(), argument) {
                ("repeated.min_items", Value::U64(n)) => {
                    let _ = writeln!(
                        checks,
                        "if list.len() < {n} {{ out.push(at.violation(\"repeated.min_items\", \"must contain at least {n} item(s)\")); }}"
                    );
                }
                ("repeated.max_items", Value::U64(n)) => {
                    let _ = writeln!(
                        checks,
                        "if list.len() > {n} {{ out.push(at.violation(\"repeated.max_items\", \"must contain no more than {n} item(s)\")); }}"
                    );
                }
                ("repeated.unique", Value::Bool(true)) => {
                    checks.push_str("if repeats(list) { out.push(at.violation(\"repeated.unique\", \"repeated value must contain unique items\")); }\n");
                }
                ("repeated.items", Value::Message(_)) => {}
                (rule, _) => self.gap(
                    field,
                    &format!("rule {rule} is not known to libs/contracts-build/src/validators.rs"),
                ),
            }
        }
        if !each.is_empty() {
            let _ = writeln!(
                checks,
                "for (index, value) in list.iter().enumerate() {{ let at = &at.index(index);\n{each} }}"
            );
        }
        checks
    }

    fn rules(&self, field: &FieldDescriptor) -> Option<DynamicMessage> {
        let extension = self.field_rules.as_ref()?;
        let options = field.options();
        options
            .has_extension(extension)
            .then(|| options.get_extension(extension).as_message().cloned())?
    }

    fn gap(&mut self, field: &FieldDescriptor, what: &str) {
        let at = place(&field.parent_message().parent_file(), field.path());
        self.gaps.push(format!("{at}: field {}: {what}", field.full_name()));
    }

    fn pattern(&mut self, pattern: &str) -> Option<String> {
        regex::Regex::new(pattern).ok()?;
        let name = format!("PATTERN_{}", self.patterns.lines().count());
        let _ = writeln!(
            self.patterns,
            "static {name}: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| regex::Regex::new({pattern:?}).expect(\"the build compiled it\"));"
        );
        Some(name)
    }
}

/// The full names of the messages that callers send, with those inside them.
fn sent(pool: &DescriptorPool) -> BTreeSet<String> {
    let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    let mut open: Vec<MessageDescriptor> = methods.map(|method| method.input()).collect();
    let mut sent = BTreeSet::new();
    while let Some(message) = open.pop() {
        if sent.insert(message.full_name().to_owned()) {
            open.extend(message.fields().filter_map(|field| field.kind().as_message().cloned()));
        }
    }
    sent
}

fn wrap(checks: &str, whole: &str) -> String {
    if checks.is_empty() { String::new() } else { whole.to_owned() }
}

/// The rules of a field below its type: `string.max_len` and its argument, in the order of their numbers.
fn typed_rules(rules: &DynamicMessage) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (field, value) in rules.fields() {
        match (field.name(), value) {
            ("required" | "ignore", _) => {}
            (family, Value::Message(inner)) => {
                for (rule, argument) in inner.fields() {
                    found.push((format!("{family}.{}", rule.name()), argument.clone()));
                }
            }
            (other, value) => found.push((other.to_owned(), value.clone())),
        }
    }
    found
}

fn check(
    field: &FieldDescriptor,
    rule: &str,
    argument: &Value,
    value: &str,
    generator: &mut Generator<'_>,
) -> Option<String> {
    let (condition, message) = match (rule, argument) {
        ("string.len", Value::U64(n)) => {
            (format!("{value}.chars().count() != {n}"), format!("must be {n} characters"))
        }
        ("string.min_len", Value::U64(n)) => {
            (format!("{value}.chars().count() < {n}"), format!("must be at least {n} characters"))
        }
        ("string.max_len", Value::U64(n)) => (
            // Bytes are never fewer than characters, so most values need no counting.
            format!("{value}.len() > {n} && {value}.chars().count() > {n}"),
            format!("must be at most {n} characters"),
        ),
        ("string.pattern", Value::String(pattern)) => {
            let name = generator.pattern(pattern)?;
            (
                format!("!{name}.is_match({value})"),
                format!("does not match regex pattern `{pattern}`"),
            )
        }
        ("string.uuid", Value::Bool(true)) => {
            (format!("!is_uuid({value})"), "must be a valid UUID".to_owned())
        }
        ("int32.gte" | "int64.gte", number) => {
            let n = integer(number)?;
            (format!("*{value} < {n}"), format!("must be greater than or equal to {n}"))
        }
        ("int32.lte" | "int64.lte", number) => {
            let n = integer(number)?;
            (format!("*{value} > {n}"), format!("must be less than or equal to {n}"))
        }
        ("int64.not_in", Value::List(numbers)) => {
            let numbers = numbers.iter().map(integer).collect::<Option<Vec<i64>>>()?;
            let list: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            (format!("{numbers:?}.contains({value})"), format!("must not be {}", list.join(" or ")))
        }
        // Ranges, because a comparison with what is no number is false both ways.
        ("double.gte", Value::F64(n)) => (
            format!("!({n:?}..).contains({value})"),
            format!("must be greater than or equal to {n}"),
        ),
        ("double.lte", Value::F64(n)) => {
            (format!("!(..={n:?}).contains({value})"), format!("must be less than or equal to {n}"))
        }
        ("double.finite", Value::Bool(true)) => {
            (format!("!{value}.is_finite()"), "must be finite".to_owned())
        }
        ("bool.const", Value::Bool(wanted)) => {
            (format!("*{value} != {wanted}"), format!("must equal {wanted}"))
        }
        ("enum.defined_only", Value::Bool(true)) => {
            let Kind::Enum(enumeration) = field.kind() else { return None };
            let path = generator.own.rust_type(enumeration.full_name());
            (format!("{path}::try_from(*{value}).is_err()"), "must be a defined value".to_owned())
        }
        ("enum.not_in", Value::List(numbers)) => {
            let numbers: Option<Vec<i64>> = numbers.iter().map(integer).collect();
            (format!("{:?}.contains({value})", numbers?), "must be specified".to_owned())
        }
        _ => return None,
    };
    Some(format!("if {condition} {{ out.push(at.violation({rule:?}, {message:?})); }}\n"))
}

fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_i32().map(i64::from))
}

#[derive(PartialEq)]
enum Ignore {
    No,
    IfZero,
    Always,
}

fn ignore(rules: &DynamicMessage) -> Ignore {
    match rules.get_field_by_name("ignore").and_then(|value| value.as_enum_number()) {
        Some(1) => Ignore::IfZero,
        Some(3) => Ignore::Always,
        _ => Ignore::No,
    }
}

fn is_true(rules: &DynamicMessage, field: &str) -> bool {
    rules.get_field_by_name(field).and_then(|value| value.as_bool()).unwrap_or_default()
}
