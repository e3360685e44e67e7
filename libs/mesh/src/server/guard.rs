use super::answer::refuse;
use axum::response::Response;
use fault::Fault;

/// Answers INTERNAL to a call whose handler panics; all other calls go on.
pub(super) async fn guard(method: &'static str, work: impl Future<Output = Response>) -> Response {
    match crate::panics::caught(work).await {
        Ok(response) => response,
        Err(panic) => {
            metrics::counter!("rpc_panics_total", "method" => method).increment(1);
            refuse(Fault::internal(panic))
        }
    }
}
