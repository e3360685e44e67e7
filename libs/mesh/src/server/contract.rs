use super::answer::method_unknown;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

/// Puts the method's policy beside the call; refuses with METHOD_UNKNOWN what the contract does not name.
pub(super) async fn contract(mut request: Request, next: Next) -> Response {
    let Some(policy) = contracts::policy(request.uri().path()) else {
        return method_unknown();
    };
    request.extensions_mut().insert(policy);
    next.run(request).await
}
