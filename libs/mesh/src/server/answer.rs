use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use fault::{Common, Fault};
use http::{HeaderMap, HeaderValue};
use prost::Message;
use tonic::{Code, Status};

/// The gRPC answer to a call that a layer refuses: headers and trailers in one, without a body.
pub(crate) fn refuse(fault: Fault) -> Response {
    Status::from(fault).into_http()
}

/// The answer to a method that is not served: METHOD_UNKNOWN, whose code is UNIMPLEMENTED here and not NOT_FOUND as its kind says. Tools
/// treat UNIMPLEMENTED as "try another version", and a caller that reaches an older replica must not read it as "no such product".
pub(crate) fn method_unknown() -> Response {
    let fault = Fault::new(
        Common::MethodUnknown,
        "the method is not served here; list the services with reflection",
    );
    let mut response = refuse(fault);
    let headers = response.headers_mut();
    let details = headers.get(Status::GRPC_STATUS_DETAILS).map(HeaderValue::as_bytes);
    let details = details.and_then(|text| STANDARD_NO_PAD.decode(text).ok()).unwrap_or_default();
    // The details repeat the code, and clients compare the two.
    if let Ok(mut status) = tonic_types::pb::Status::decode(details.as_slice()) {
        status.code = i32::from(Code::Unimplemented);
        if let Ok(text) = HeaderValue::from_str(&STANDARD_NO_PAD.encode(status.encode_to_vec())) {
            headers.insert(Status::GRPC_STATUS_DETAILS, text);
        }
    }
    headers.insert(Status::GRPC_STATUS, HeaderValue::from(i32::from(Code::Unimplemented)));
    // tonic keeps the status beside the headers, too; it would contradict them.
    response.extensions_mut().remove::<Status>();
    response
}

/// Why bytes are not the message that a method takes.
pub(crate) struct Undecodable(pub(crate) &'static str);

impl From<Undecodable> for Status {
    fn from(Undecodable(why): Undecodable) -> Self {
        let message = format!("the bytes are not the message that this method takes: {why}");
        Fault::new(Common::Undecodable, message).into()
    }
}

/// The status code of an answer. An answer without one in its headers began successfully; its final status is in its trailers.
pub(crate) fn code(headers: &HeaderMap) -> Code {
    headers.get(Status::GRPC_STATUS).map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
}
