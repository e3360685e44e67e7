//! The identity of this process: it signs short-lived tokens with its own Ed25519 key.

use crate::auth::token::Claims;
use crate::auth::{ACT_AS, all_scopes};
use crate::config::{Auth, Server};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use kernel::digest::sha256;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use secrecy::SecretString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a service's own token is valid.
const TOKEN_LIFETIME: Duration = Duration::from_secs(300);
/// A token with less time left than this is replaced, so that none expires before it is checked.
const RENEWAL_MARGIN: Duration = Duration::from_secs(60);

/// Signs tokens.
pub struct Signer {
    key: EncodingKey,
    public: Vec<u8>,
    kid: String,
    issuer: String,
    audience: String,
    /// Where it was read; none: it was made from bytes.
    path: Option<PathBuf>,
}

impl Signer {
    /// Reads a PKCS #8 Ed25519 key, PEM or DER.
    pub fn from_file(path: &Path, issuer: &str, audience: &str) -> Result<Self, String> {
        let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let signer = Self::from_pkcs8(&der(bytes), issuer, audience);
        let signer = signer.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { path: Some(path.to_owned()), ..signer })
    }

    fn from_pkcs8(der: &[u8], issuer: &str, audience: &str) -> Result<Self, String> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
            .map_err(|error| format!("is no Ed25519 key in PKCS #8: {error}"))?;
        let public = pair.public_key().as_ref().to_vec();
        Ok(Self {
            key: EncodingKey::from_ed_der(der),
            kid: thumbprint(&public),
            public,
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            path: None,
        })
    }

    /// The configured key; none where none is configured and none lies in the data folder.
    pub fn open(auth: &Auth, server: &Server) -> Result<Option<Self>, String> {
        let path = match &auth.signing_key_file {
            Some(path) => path.clone(),
            None => {
                let path = server.keys_folder().join(SIGNING_KEY);
                if !path.exists() {
                    return Ok(None);
                }
                path
            }
        };
        Self::from_file(&path, &auth.issuer, &auth.audience).map(Some)
    }

    /// A token for `subject` that allows `scopes`.
    pub fn mint(
        &self,
        subject: &str,
        scopes: &[&str],
        lifetime: Duration,
    ) -> Result<SecretString, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone().into(),
            sub: subject.to_owned(),
            iat: Some(now),
            exp: now + lifetime.as_secs(),
            scope: scopes.join(" "),
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid.clone());
        let token = encode(&header, &claims, &self.key).map_err(|error| error.to_string())?;
        Ok(SecretString::from(token))
    }

    /// Id of the key.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half as a JWKS document.
    pub fn jwks(&self) -> serde_json::Value {
        jwks(&[self])
    }
}

/// The public halves of keys as a JWKS document.
fn jwks(signers: &[&Signer]) -> serde_json::Value {
    let keys = signers.iter().map(|signer| {
        let x = URL_SAFE_NO_PAD.encode(&signer.public);
        serde_json::json!(
            { "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": signer.kid, "x": x }
        )
    });
    serde_json::json!({ "keys": keys.collect::<Vec<_>>() })
}

/// The key of this process, read again when a new token is signed, so that it can be replaced. Clones share it.
#[derive(Clone)]
pub struct OwnSigner(Arc<Mutex<Signer>>);

impl OwnSigner {
    /// Around a key that was read.
    pub fn new(signer: Signer) -> Self {
        Self(Arc::new(Mutex::new(signer)))
    }

    fn mint(&self, subject: &str, scopes: &[&str]) -> Result<SecretString, String> {
        let mut signer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &signer.path {
            match Signer::from_file(path, &signer.issuer, &signer.audience) {
                Ok(new) => *signer = new,
                // A file that is being replaced must not end what works.
                Err(error) => tracing::warn!("the old key goes on signing: {error}"),
            }
        }
        signer.mint(subject, scopes, TOKEN_LIFETIME)
    }
}

/// The token with which one service calls the others, signed anew before it expires.
#[derive(Clone)]
pub struct OwnToken {
    signer: OwnSigner,
    subject: String,
    current: Arc<Mutex<Option<(SecretString, Instant)>>>,
}

impl OwnToken {
    /// For a service, by its name.
    pub fn new(signer: OwnSigner, service: &str) -> Self {
        Self { signer, subject: service.to_owned(), current: Arc::default() }
    }

    /// The current token.
    pub fn get(&self) -> Result<SecretString, String> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((token, until)) = current.as_ref()
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let scopes: Vec<&str> = all_scopes().into_iter().chain([ACT_AS]).collect();
        let token = self.signer.mint(&self.subject, &scopes)?;
        *current =
            Some((token.clone(), Instant::now() + TOKEN_LIFETIME.saturating_sub(RENEWAL_MARGIN)));
        Ok(token)
    }
}

/// The key that signs.
pub const SIGNING_KEY: &str = "signing.pem";
/// The key that signs next, during a rotation.
pub const NEXT_KEY: &str = "signing.next.pem";

/// Makes a key and its JWKS: `signing.pem` and `jwks.json` in `folder`. A key that is there stays.
pub fn generate_keys(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let key = folder.join(SIGNING_KEY);
    if !key.exists() {
        write_key(&key)?;
    }
    write_jwks(folder, &[&open_key(&key)?])
}

/// The first half of a rotation: a next key, whose public half is in the JWKS beside the current one, and no other. Returns their ids, the
/// current one first.
pub fn publish_next_key(folder: &Path) -> io::Result<(String, String)> {
    let current = open_key(&folder.join(SIGNING_KEY))?;
    let next = folder.join(NEXT_KEY);
    if !next.exists() {
        write_key(&next)?;
    }
    let next = open_key(&next)?;
    write_jwks(folder, &[&current, &next])?;
    Ok((current.kid, next.kid))
}

/// The second half: the next key signs from now on. Tokens of the one before are accepted until the next rotation. Only once every process
/// has read the JWKS of the first half.
pub fn sign_with_next_key(folder: &Path) -> io::Result<()> {
    fs::rename(folder.join(NEXT_KEY), folder.join(SIGNING_KEY))
}

fn open_key(path: &Path) -> io::Result<Signer> {
    Signer::from_file(path, "", "").map_err(io::Error::other)
}

fn write_key(path: &Path) -> io::Result<()> {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
    let pkcs8 = pkcs8.map_err(|error| io::Error::other(error.to_string()))?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(pem(pkcs8.as_ref()).as_bytes())
}

fn write_jwks(folder: &Path, signers: &[&Signer]) -> io::Result<()> {
    // Written to another file and renamed, because a running process may be reading it.
    let new = folder.join("jwks.json.new");
    fs::write(&new, serde_json::to_vec_pretty(&jwks(signers))?)?;
    fs::rename(new, folder.join("jwks.json"))
}

/// The key's id is its RFC 7638 thumbprint: it can be computed from the key, so it is not configured.
fn thumbprint(public: &[u8]) -> String {
    let x = URL_SAFE_NO_PAD.encode(public);
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(sha256(canonical.as_bytes()))
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
}

fn der(bytes: Vec<u8>) -> Vec<u8> {
    let Some(text) = std::str::from_utf8(&bytes).ok().filter(|text| text.contains("-----BEGIN"))
    else {
        return bytes;
    };
    let base64: String =
        text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    STANDARD.decode(base64).unwrap_or(bytes)
}
