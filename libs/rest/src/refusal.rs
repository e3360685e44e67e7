//! Refusals as JSON: one shape for all of them.

use fault::{Common, Fault};
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use tonic::body::Body;
use tonic::{Code, Status};

/// Why a request was not done.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
struct Refusal<'f> {
    /// As in the contract, e.g. `PRODUCT_NOT_FOUND`.
    reason: &'f str,
    message: &'f str,
    fields: Vec<Field<'f>>,
    /// The correlation id, to be given to whoever helps.
    request_id: &'f str,
}

#[derive(Serialize)]
struct Field<'f> {
    field: &'f str,
    message: &'f str,
}

/// A refusal of what a gRPC service answered.
pub(crate) fn of_status(status: Status, conditional: bool, request_id: &str) -> Response<Body> {
    let fault = Fault::answered(status.clone());
    let code = code(&fault, status.code(), conditional);
    let mut response = render(code, &fault, request_id);
    if let Some(pause) = fault.pause() {
        let seconds = u64::try_from(pause.as_millis().div_ceil(1_000)).unwrap_or(1);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
    if code == StatusCode::UNAUTHORIZED {
        let bearer = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
    }
    response
}

/// A refusal of what is wrong with the request before a service is asked.
pub fn of_fault(fault: Fault, request_id: &str) -> Response<Body> {
    of_status(fault.into(), false, request_id)
}

/// A refusal with a status code that no gRPC code stands for.
pub(crate) fn with_code(code: StatusCode, fault: &Fault, request_id: &str) -> Response<Body> {
    render(code, fault, request_id)
}

fn render(code: StatusCode, fault: &Fault, request_id: &str) -> Response<Body> {
    let violations = fault.violations().iter();
    let refusal = Refusal {
        reason: fault.reason(),
        message: fault.message(),
        fields: violations.map(|own| Field { field: &own.field, message: &own.message }).collect(),
        request_id,
    };
    let text = serde_json::to_vec(&refusal).unwrap_or_default();
    let mut response = Response::new(Body::new(http_body_util::Full::from(text)));
    *response.status_mut() = code;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn code(fault: &Fault, code: Code, conditional: bool) -> StatusCode {
    if fault.is(Common::MessageTooLarge) {
        return StatusCode::PAYLOAD_TOO_LARGE;
    }
    // Who sent If-Match asked for exactly this.
    if conditional && fault.is(Common::ConcurrentModification) {
        return StatusCode::PRECONDITION_FAILED;
    }
    if fault.is(Common::Overloaded) {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    match code {
        Code::InvalidArgument | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::FailedPrecondition => StatusCode::UNPROCESSABLE_ENTITY,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable | Code::Cancelled => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}
