use super::answer::refuse;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use fault::Fault;

/// Answers INTERNAL to a call whose handler panics; all other calls go on.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let method = channel::measure::method(request.uri().path());
    match crate::panics::caught(next.run(request)).await {
        Ok(response) => response,
        Err(panic) => {
            metrics::counter!("rpc_panics_total", "method" => method).increment(1);
            refuse(Fault::internal(panic))
        }
    }
}
