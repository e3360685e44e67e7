use super::keys::Keys;
use fault::{Common, Fault};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// Clocks of issuer and service may differ by this many seconds.
const LEEWAY: u64 = 30;

/// What stands in a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) aud: serde_json::Value,
    pub(crate) sub: String,
    pub(crate) iat: Option<u64>,
    pub(crate) exp: u64,
    /// Separated by spaces (RFC 8693).
    #[serde(default)]
    pub(crate) scope: String,
}

/// A token that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Whose token it is.
    pub subject: String,
    /// What it allows.
    pub scopes: Vec<String>,
    pub(super) kid: String,
    pub(super) expires: u64,
}

impl Verified {
    /// Whether it has the scope.
    pub fn allows(&self, scope: &str) -> bool {
        self.scopes.iter().any(|own| own == scope)
    }

    pub(super) fn is_over(&self) -> bool {
        self.expires.saturating_add(LEEWAY) < now()
    }
}

pub(super) async fn verify(
    token: &str,
    keys: &Keys,
    issuer: &str,
    audience: &str,
) -> Result<Verified, Fault> {
    let header =
        decode_header(token).map_err(|error| invalid("the token is malformed").because(error))?;
    // RFC 7515, 4.1.11: extensions that a recipient does not know make the token invalid; none is known here.
    if header.crit.is_some() {
        return Err(invalid("the token asks for extensions that are not supported"));
    }
    let kid = header.kid.ok_or_else(|| invalid("the token names no key"))?;
    let key =
        keys.find_newest(&kid).await.ok_or_else(|| invalid("the token's key is not known"))?;

    let mut rules = Validation::new(key.algorithm);
    rules.leeway = LEEWAY;
    rules.validate_nbf = true;
    rules.set_issuer(&[issuer]);
    rules.set_audience(&[audience]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let claims = decode::<Claims>(token, &key.key, &rules)
        .map_err(|error| invalid(what_is_wrong(error.kind())).because(error))?
        .claims;
    if claims.sub.is_empty() {
        return Err(invalid("the token names no subject"));
    }
    if claims.sub.chars().any(char::is_control) {
        return Err(invalid("the token's subject holds control characters"));
    }
    Ok(Verified {
        scopes: claims.scope.split_whitespace().map(str::to_owned).collect(),
        subject: claims.sub,
        expires: claims.exp,
        kid,
    })
}

fn what_is_wrong(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "the token has expired",
        ErrorKind::ImmatureSignature => "the token is not valid yet",
        ErrorKind::InvalidIssuer => "the token has another issuer",
        ErrorKind::InvalidAudience => "the token is meant for somebody else",
        ErrorKind::MissingRequiredClaim(_) => "the token lacks a claim (exp, iss, aud or sub)",
        _ => "the token's signature or content is wrong",
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

pub(crate) fn invalid(message: &str) -> Fault {
    Fault::new(Common::TokenInvalid, format!("{message}; get a new token"))
}
