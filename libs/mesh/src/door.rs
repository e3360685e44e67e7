//! Who sends a request over HTTP, for a role that answers some of them without asking a service.

use crate::auth::{Auth, Identity};
use crate::listener::Peer;
use crate::server::address;
use contracts::Policy;
use fault::Fault;
use fault::context::Caller;
use http::request::Parts;

/// Finds out who sends a request.
#[derive(Clone)]
pub struct Door {
    auth: Auth,
    trusted_proxies: usize,
}

/// Who sends a request, and what they may do.
#[derive(Debug, Clone)]
pub struct Visitor {
    identity: Identity,
    address: String,
}

impl Door {
    pub(crate) fn new(auth: Auth, trusted_proxies: usize) -> Self {
        Self { auth, trusted_proxies }
    }

    /// Where a request comes from: its address, or a network that has many.
    pub fn address(&self, head: &Parts) -> String {
        let peer = head.extensions.get::<Peer>().map(|peer| peer.0.ip());
        address(peer, &head.headers, self.trusted_proxies)
    }

    /// Who sends a request for this method. Refused with TOKEN_MISSING, TOKEN_INVALID, SCOPE_MISSING.
    pub async fn visitor(&self, head: &Parts, policy: &Policy) -> Result<Visitor, Fault> {
        let address = self.address(head);
        if policy.public {
            let caller = Caller { subject: "anonymous".to_owned(), token: None };
            return Ok(Visitor { identity: Identity { caller, token: None }, address });
        }
        let identity = self.auth.identify(&head.headers).await?;
        identity.require(policy.scopes)?;
        Ok(Visitor { identity, address })
    }
}

impl Visitor {
    /// On whose behalf calls are made.
    pub fn caller(&self) -> &Caller {
        &self.identity.caller
    }

    /// Where the request comes from.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether a token was shown.
    pub fn has_token(&self) -> bool {
        self.identity.token.is_some()
    }
}
