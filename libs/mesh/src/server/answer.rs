use axum::response::Response;
use fault::{Common, Fault};
use http::HeaderMap;
use tonic::{Code, Status};

/// The gRPC answer to a call that a layer refuses: headers and trailers in one, without a body.
pub(crate) fn refuse(fault: Fault) -> Response {
    Status::from(fault).into_http()
}

/// The answer to a method that is not served.
pub(crate) fn method_unknown() -> Fault {
    Fault::new(
        Common::MethodUnknown,
        "the method is not served here; list the services with reflection",
    )
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
