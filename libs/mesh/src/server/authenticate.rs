use super::answer::refuse;
use crate::auth::{Auth, Identity};
use crate::listener::Open;
use axum::Extension;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use contracts::Policy;
use fault::context::Caller;
use std::sync::Arc;

/// Refuses calls without a valid token with TOKEN_MISSING or TOKEN_INVALID, except to a method that the contract makes public.
pub(super) async fn authenticate(
    State(auth): State<Auth>,
    Extension(policy): Extension<&'static Policy>,
    mut request: Request,
    next: Next,
) -> Response {
    let identity = if policy.public {
        let caller = Caller { subject: "anonymous".to_owned(), token: None };
        Ok(Identity { caller, token: None })
    } else {
        auth.identify(request.headers()).await
    };
    match identity {
        Ok(identity) => {
            // Its connection is worth keeping.
            if let Some(open) = request.extensions().get::<Arc<Open>>()
                && identity.token.is_some()
            {
                open.recognise();
            }
            request.extensions_mut().insert(identity);
            next.run(request).await
        }
        Err(fault) => refuse(fault),
    }
}

/// Refuses calls whose token lacks a scope that the contract requires with SCOPE_MISSING.
pub(super) async fn check_scopes(
    Extension(policy): Extension<&'static Policy>,
    Extension(identity): Extension<Identity>,
    request: Request,
    next: Next,
) -> Response {
    match identity.require(policy.scopes) {
        Ok(()) => next.run(request).await,
        Err(fault) => refuse(fault),
    }
}
