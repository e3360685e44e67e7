use crate::auth::{Auth, Identity};
use crate::listener::Open;
use contracts::Policy;
use fault::Fault;
use fault::context::Caller;
use http::HeaderMap;

/// Who calls; TOKEN_MISSING or TOKEN_INVALID without a valid token, except for a method that the contract makes public.
pub(super) async fn authenticate(
    auth: &Auth,
    policy: &Policy,
    headers: &HeaderMap,
    open: Option<&Open>,
) -> Result<Identity, Fault> {
    if policy.public {
        let caller = Caller { subject: "anonymous".to_owned(), token: None };
        return Ok(Identity { caller, token: None });
    }
    let identity = auth.identify(headers).await?;
    // Its connection is worth keeping.
    if let Some(open) = open
        && identity.token.is_some()
    {
        open.recognise();
    }
    Ok(identity)
}
