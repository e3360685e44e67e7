use super::deadline::Deadline;
use crate::auth::Identity;
use axum::Extension;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use fault::context::{Context, current, scope};

/// Sets the context that database, outbox and outgoing calls of the handler read.
pub(super) async fn enter(
    Extension(deadline): Extension<Deadline>,
    Extension(identity): Extension<Identity>,
    request: Request,
    next: Next,
) -> Response {
    let context = Context {
        deadline: Some(deadline.0),
        caller: identity.caller,
        ..Context::clone(&current())
    };
    scope(context, next.run(request)).await
}
