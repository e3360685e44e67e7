//! Writes what every RPC needs beside its handler: the name of its method, its pages, and for each gRPC service a macro that
//! implements the generated server by handlers, one function for each RPC.

use crate::contract::{Contract, Method};
use crate::validators::rust_type;
use heck::{ToSnakeCase, ToUpperCamelCase};
use prost_reflect::{Kind, MessageDescriptor, MethodDescriptor};
use std::fmt::Write;

pub fn generate(contract: &Contract) -> String {
    let mut out = String::new();
    for method in &contract.methods {
        request(&mut out, method);
    }
    let mut services: Vec<_> =
        contract.methods.iter().map(|method| method.descriptor.parent_service()).collect();
    services.dedup_by(|a, b| a.full_name() == b.full_name());
    for service in services {
        let methods: Vec<MethodDescriptor> = service.methods().collect();
        server(&mut out, service.package_name(), service.name(), &methods);
    }
    out
}

fn request(out: &mut String, method: &Method) {
    let request = method.descriptor.input();
    let name = rust_type(request.full_name());
    let response = rust_type(method.descriptor.output().full_name());
    let _ = writeln!(
        out,
        "impl Rpc for {name} {{\n\
         type Response = {response};\n\
         const PATH: &'static str = {:?};\n\
         const METHOD: &'static str = {:?};\n}}",
        method.path, method.name,
    );
    if has(&request, "request_id", &Kind::String) {
        let _ = writeln!(
            out,
            "impl Mutation for {name} {{ fn request_id(&self) -> &str {{ &self.request_id }} }}"
        );
    }
    if has(&request, "page_token", &Kind::String) {
        let sized = has(&request, "page_size", &Kind::Int32);
        let size = if sized { "self.page_size" } else { "0" };
        let cleared = if sized { "page_size: 0, " } else { "" };
        let _ = writeln!(
            out,
            "impl PageRequest for {name} {{\n\
             fn page_size(&self) -> i32 {{ {size} }}\n\
             fn page_token(&self) -> &str {{ &self.page_token }}\n\
             fn query(&self) -> Self {{ Self {{ {cleared}page_token: String::new(), ..self.clone() }} }}\n}}"
        );
    }
}

fn has(message: &MessageDescriptor, field: &str, kind: &Kind) -> bool {
    message.get_field_by_name(field).is_some_and(|field| field.kind() == *kind && !field.is_list())
}

/// `pricing_service!(App, rpc)`: the server of `PricingService`, each RPC answered by the function of its name in a file of its
/// name, `rpc::set_price::set_price`.
fn server(out: &mut String, package: &str, service: &str, methods: &[MethodDescriptor]) {
    let snake = service.to_snake_case();
    let module = format!("$crate::{}", facade(package));
    let generated = format!("{module}::{snake}_server");
    let mut body = String::new();
    for method in methods {
        body.push_str(&handler(&module, method));
    }
    let _ = writeln!(
        out,
        "/// Implements `{service}` for a type, by one handler for each RPC: `SetPrice` is answered by `set_price` in the file\n\
         /// `set_price.rs` of the module that is named.\n\
         #[macro_export]\n\
         macro_rules! {snake} {{\n\
         ($app:ty, $($rpc:ident)::+) => {{\n\
         #[$crate::async_trait]\n\
         impl {generated}::{service} for $app {{\n{body}}}\n\
         impl $crate::Serve for $app {{\n\
         type Server = {generated}::{service}Server<$app>;\n\
         fn into_server(self, max_message_bytes: usize) -> Self::Server {{\n\
         $crate::limited!({generated}::{service}Server::new(self), max_message_bytes)\n}}\n}}\n\
         }};\n}}"
    );
}

fn handler(module: &str, method: &MethodDescriptor) -> String {
    let (rpc, name) = (method.name(), method.name().to_snake_case());
    let function = format!("$($rpc)::+::{name}::{name}");
    let input = format!("{module}::{}", method.input().name());
    let output = format!("{module}::{}", method.output().name());
    let input = match method.is_client_streaming() {
        true => format!("$crate::Streaming<{input}>"),
        false => input,
    };
    if method.is_server_streaming() {
        let stream = format!("{}Stream", rpc.to_upper_camel_case());
        return format!(
            "type {stream} = $crate::Answers<{output}>;\n\
             async fn {name}(&self, call: $crate::Call<{input}>) -> Result<$crate::Answer<Self::{stream}>, $crate::Refusal> {{\n\
             Ok($crate::Answer::new(Box::pin({function}(::std::clone::Clone::clone(self), call.into_inner()))))\n}}\n"
        );
    }
    format!(
        "async fn {name}(&self, call: $crate::Call<{input}>) -> Result<$crate::Answer<{output}>, $crate::Refusal> {{\n\
         Ok($crate::Answer::new({function}(self, call.into_inner()).await?))\n}}\n"
    )
}

/// The package's module as `lib.rs` names it: `pricing::v1`, and `types::v1` for `souk.type.v1`.
fn facade(package: &str) -> String {
    let mut parts: Vec<&str> = package.split('.').skip(1).collect();
    if parts.first() == Some(&"type") {
        parts[0] = "types";
    }
    parts.join("::")
}
