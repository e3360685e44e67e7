//! Who calls. A caller shows a JWT; its signature, issuer, audience and times are checked once and the outcome is kept until it expires.
//!
//! **The subject of a call.** A service calls with its own token in `authorization` and passes the user's token on in `x-souk-user-token`.
//! - Scopes are those of `authorization`: they say what the caller itself may do.
//! - The subject, to whom request ids and audit entries belong, is the user where a valid user token came along and the token
//!   in `authorization` holds the scope `mesh:act-as`; else it is that token's own subject.
//! - Calls are limited by the subject of `authorization`, and not at all where that holds `mesh:act-as`: a user's call counts where it comes
//!   in.
//! - A user token that came without `mesh:act-as` is ignored: else a caller could act as any user whose token it has seen. One that is invalid
//!   is refused and not ignored: else a user's call would go on under the service's name.

mod keys;
pub mod scopes;
mod source;
pub(crate) mod token;

pub use scopes::{ACT_AS, all_scopes};
pub use token::Verified;

use crate::config::{Auth as Config, Server};
use fault::context::Caller;
use fault::{Common, Fault};
use http::HeaderMap;
use kernel::digest::sha256;
use keys::Keys;
use moka::future::Cache;
use secrecy::SecretString;
use source::Source;
use std::sync::Arc;
use std::time::Duration;
use token::invalid;

/// Where the token of the user stands for whom a service calls.
pub const USER_TOKEN: &str = "x-souk-user-token";

/// Longest token that is looked at.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Verifies tokens. Clones share the keys and what was verified.
#[derive(Clone)]
pub struct Auth(Option<Arc<Inner>>);

struct Inner {
    keys: Arc<Keys>,
    /// By the SHA-256 of the token, so that no token stays in memory longer than its call.
    verified: Cache<[u8; 32], Arc<Verified>>,
    issuer: String,
    audience: String,
}

/// Who calls, and what they may do.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) caller: Caller,
    /// None where authentication is switched off: then everything is allowed.
    pub(crate) token: Option<Arc<Verified>>,
}

impl Auth {
    /// Reads the keys. Fails where authentication is on and there are none, since then every call would be refused.
    pub async fn open(config: &Config, server: &Server) -> Result<Self, String> {
        if !config.enabled {
            tracing::warn!("authentication is off: every caller may do everything");
            return Ok(Self(None));
        }
        let inner = Inner {
            keys: Arc::new(Keys::open(Source::open(config, server)?).await?),
            verified: Cache::builder()
                .max_capacity(10_000)
                .time_to_live(Duration::from_secs(3600))
                .build(),
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
        };
        Ok(Self(Some(Arc::new(inner))))
    }

    /// Checks a token. Refused with TOKEN_INVALID.
    pub async fn verify(&self, token: &str) -> Result<Arc<Verified>, Fault> {
        let Some(inner) = &self.0 else {
            return Err(invalid("tokens are not verified here"));
        };
        inner.verify(token).await
    }

    /// Who calls with these headers. Refused with TOKEN_MISSING, TOKEN_INVALID.
    pub(crate) async fn identify(&self, headers: &HeaderMap) -> Result<Identity, Fault> {
        let Some(inner) = &self.0 else {
            let caller = Caller { subject: "anonymous".to_owned(), token: None };
            return Ok(Identity { caller, token: None });
        };
        if headers.get_all(http::header::AUTHORIZATION).iter().count() > 1 {
            return Err(invalid("the call has more than one authorization header"));
        }
        let shown = bearer(headers).ok_or_else(|| {
            Fault::new(
                Common::TokenMissing,
                "this call needs a token; send `authorization: Bearer <token>`",
            )
        })?;
        let token = inner.verify(shown).await?;
        let user = headers.get(USER_TOKEN).filter(|_| token.allows(ACT_AS));
        let caller = match user {
            Some(user) => {
                let user = user
                    .to_str()
                    .map_err(|error| invalid("the user's token is no text").because(error))?;
                let verified = inner.verify(user).await?;
                Caller { subject: verified.subject.clone(), token: Some(secret(user)) }
            }
            // Background work of a service has no user token to pass on.
            None if token.allows(ACT_AS) => Caller { subject: token.subject.clone(), token: None },
            None => Caller { subject: token.subject.clone(), token: Some(secret(shown)) },
        };
        Ok(Identity { caller, token: Some(token) })
    }
}

impl Inner {
    async fn verify(&self, token: &str) -> Result<Arc<Verified>, Fault> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(invalid("the token is longer than 16 KiB"));
        }
        self.keys.refresh();
        let digest = sha256(token.as_bytes());
        if let Some(known) = self.verified.get(&digest).await {
            // The key may have been revoked since, or the token may have expired.
            if !known.is_over() && self.keys.knows(&known.kid) {
                return Ok(known);
            }
        }
        let verified = token::verify(token, &self.keys, &self.issuer, &self.audience).await?;
        let verified = Arc::new(verified);
        self.verified.insert(digest, Arc::clone(&verified)).await;
        Ok(verified)
    }
}

impl Identity {
    /// Whether a service calls, for itself or for a user.
    pub(crate) fn is_service(&self) -> bool {
        self.token.as_ref().is_some_and(|token| token.allows(ACT_AS))
    }

    /// Refuses with SCOPE_MISSING, naming the first scope that the token lacks.
    pub(crate) fn require(&self, scopes: &[&str]) -> Result<(), Fault> {
        let Some(token) = &self.token else {
            return Ok(());
        };
        match scopes.iter().find(|scope| !token.allows(scope)) {
            Some(scope) => Err(Fault::new(
                Common::ScopeMissing,
                format!("the token lacks the scope {scope}; ask for access"),
            )
            .with("scope", scope)),
            None => Ok(()),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (kind, token) = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    kind.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn secret(token: &str) -> SecretString {
    SecretString::from(token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Signer, generate_keys};
    use secrecy::ExposeSecret;

    async fn read_again(auth: &Auth) {
        auth.0.as_ref().unwrap().keys.read_again(Duration::ZERO);
        tokio::task::yield_now().await;
    }

    #[tokio::test]
    async fn a_key_that_was_taken_back_counts_no_more_although_its_token_was_verified() {
        let data_dir = std::env::temp_dir().join(format!("auth-{}", uuid::Uuid::now_v7()));
        let server = Server { data_dir: data_dir.clone(), ..Server::default() };
        let folder = server.keys_folder();
        generate_keys(&folder).unwrap();
        let old = Signer::from_file(&folder.join("signing.pem"), "souk", "souk").unwrap();
        let auth = Auth::open(&Config::default(), &server).await.unwrap();
        let token = old.mint("ann", &["a:b"], Duration::from_secs(60)).unwrap();
        assert!(auth.verify(token.expose_secret()).await.unwrap().allows("a:b"));

        std::fs::remove_file(folder.join("signing.pem")).unwrap();
        generate_keys(&folder).unwrap();
        read_again(&auth).await;
        assert!(auth.verify(token.expose_secret()).await.unwrap_err().is(Common::TokenInvalid));

        // A broken file changes nothing.
        let new = Signer::from_file(&folder.join("signing.pem"), "souk", "souk").unwrap();
        std::fs::write(folder.join("jwks.json"), "{").unwrap();
        read_again(&auth).await;
        let token = new.mint("ann", &[], Duration::from_secs(60)).unwrap();
        auth.verify(token.expose_secret()).await.unwrap();
        std::fs::remove_dir_all(data_dir).unwrap();
    }

    #[tokio::test]
    async fn without_keys_nothing_starts() {
        let server = Server { data_dir: "/nowhere".into(), ..Server::default() };
        let opened = Auth::open(&Config::default(), &server).await;
        assert!(opened.is_err_and(|error| error.contains("jwks.json")));
    }
}
