//! Writes what every RPC needs beside its handler: the name of its method, its pages, and for each gRPC service a macro that
//! implements the generated server by handlers, one function for each RPC.

use crate::contract::{Contract, Method};
use crate::crates::Packages;
use heck::{ToSnakeCase, ToUpperCamelCase};
use prost_reflect::{Kind, MessageDescriptor, MethodDescriptor, ServiceDescriptor};
use std::fmt::Write;

pub fn generate(contract: &Contract, own: &Packages) -> String {
    let mut out = String::new();
    for method in &contract.methods {
        request(&mut out, method, own);
    }
    let mut services: Vec<_> =
        contract.methods.iter().map(|method| method.descriptor.parent_service()).collect();
    services.dedup_by(|a, b| a.full_name() == b.full_name());
    for service in &services {
        let methods: Vec<MethodDescriptor> = service.methods().collect();
        server(&mut out, service, own, &methods);
    }
    out
}

fn request(out: &mut String, method: &Method, own: &Packages) {
    let request = method.descriptor.input();
    let name = own.rust_type(request.full_name());
    let response = own.rust_type(method.descriptor.output().full_name());
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
            "impl Mutation for {name} {{\n\
             fn request_id(&self) -> &str {{ &self.request_id }}\n\
             fn with_request_id(&self, request_id: String) -> Self {{ Self {{ request_id, ..self.clone() }} }}\n}}"
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
             fn query(&self) -> Self {{ Self {{ {cleared}page_token: String::new(), ..self.clone() }} }}\n\
             fn with_page_token(&self, page_token: String) -> Self {{ Self {{ page_token, ..self.clone() }} }}\n\
             fn next_page_token(page: &{response}) -> &str {{ &page.next_page_token }}\n}}"
        );
    }
}

fn has(message: &MessageDescriptor, field: &str, kind: &Kind) -> bool {
    message.get_field_by_name(field).is_some_and(|field| field.kind() == *kind && !field.is_list())
}

/// `pricing_service!(App, rpc)`: the server of `PricingService`, each RPC answered by the function of its name in a file of its
/// name, `rpc::set_price::set_price`.
fn server(
    out: &mut String,
    service: &ServiceDescriptor,
    own: &Packages,
    methods: &[MethodDescriptor],
) {
    let module = in_macro(&own.module(service.package_name()));
    let service = service.name();
    let snake = service.to_snake_case();
    let generated = format!("{module}::{snake}_server");
    let mut body = String::new();
    for method in methods {
        body.push_str(&handler(own, method));
    }
    let _ = writeln!(
        out,
        "/// Implements `{service}` for a type, by one handler for each RPC: `SetPrice` is answered by `set_price` in the file\n\
         /// `set_price.rs` of the module that is named.\n\
         #[macro_export]\n\
         macro_rules! {snake} {{\n\
         ($app:ty, $($rpc:ident)::+) => {{\n\
         #[$crate::contracts::async_trait]\n\
         impl {generated}::{service} for $app {{\n{body}}}\n\
         impl $crate::contracts::Serve for $app {{\n\
         type Server = {generated}::{service}Server<$app>;\n\
         fn into_server(self, max_message_bytes: usize) -> Self::Server {{\n\
         $crate::contracts::limited!({generated}::{service}Server::new(self), max_message_bytes)\n}}\n}}\n\
         }};\n}}"
    );
}

/// A path as a macro that is used in other crates writes it.
fn in_macro(path: &str) -> String {
    match path.strip_prefix("::") {
        Some(other) => format!("$crate::{other}"),
        None => format!("${path}"),
    }
}

fn handler(own: &Packages, method: &MethodDescriptor) -> String {
    let (rpc, name) = (method.name(), method.name().to_snake_case());
    let function = format!("$($rpc)::+::{name}::{name}");
    let input = in_macro(&own.rust_type(method.input().full_name()));
    let output = in_macro(&own.rust_type(method.output().full_name()));
    let input = match method.is_client_streaming() {
        true => format!("$crate::contracts::Streaming<{input}>"),
        false => input,
    };
    if method.is_server_streaming() {
        let stream = format!("{}Stream", rpc.to_upper_camel_case());
        return format!(
            "type {stream} = $crate::contracts::Answers<{output}>;\n\
             async fn {name}(&self, call: $crate::contracts::Call<{input}>) -> Result<$crate::contracts::Answer<Self::{stream}>, $crate::contracts::Refusal> {{\n\
             Ok($crate::contracts::Answer::new(Box::pin({function}(::std::clone::Clone::clone(self), call.into_inner()))))\n}}\n"
        );
    }
    format!(
        "async fn {name}(&self, call: $crate::contracts::Call<{input}>) -> Result<$crate::contracts::Answer<{output}>, $crate::contracts::Refusal> {{\n\
         Ok($crate::contracts::Answer::new({function}(self, call.into_inner()).await?))\n}}\n"
    )
}
