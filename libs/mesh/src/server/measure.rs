use super::answer::code;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use channel::measure::Timed;

/// Times the call until its answer begins, by method and code.
pub(super) async fn measure(request: Request, next: Next) -> Response {
    let timed = Timed::begin("rpc_server_call_duration_seconds", request.uri().path());
    let response = next.run(request).await;
    timed.end(code(response.headers()));
    response
}
