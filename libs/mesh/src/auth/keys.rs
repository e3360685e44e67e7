use super::source::Source;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// The public keys of a JWKS by their ids, read again while the process runs, so that keys rotate without a restart.
pub(super) struct Keys {
    source: Source,
    known: RwLock<Arc<BTreeMap<String, Key>>>,
    read: Mutex<Instant>,
}

/// One public key and the only algorithm that it is for: the algorithm in a token's header is ignored, and so is every key or address of
/// a key that a header names (`jwk`, `jku`, `x5u`).
#[derive(Clone)]
pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

impl Keys {
    pub(super) async fn open(source: Source) -> Result<Self, String> {
        let known = RwLock::new(Arc::new(read(&source).await?));
        Ok(Self { source, known, read: Mutex::new(Instant::now()) })
    }

    pub(super) fn find(&self, id: &str) -> Option<Key> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    pub(super) fn knows(&self, id: &str) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).contains_key(id)
    }

    /// The same as `find`; an unknown key is looked for where they come from, as often as that is good for.
    pub(super) async fn find_newest(&self, id: &str) -> Option<Key> {
        if let Some(known) = self.find(id) {
            return Some(known);
        }
        // Whoever comes while another one reads waits for what it finds.
        let mut last = self.read.lock().await;
        if self.find(id).is_none() && last.elapsed() >= self.source.pause_of_unknown() {
            *last = Instant::now();
            self.take(read(&self.source).await);
        }
        drop(last);
        self.find(id)
    }

    /// Drops keys that were revoked, in time.
    pub(super) fn refresh(self: &Arc<Self>) {
        self.read_again(self.source.pause());
    }

    pub(super) fn read_again(self: &Arc<Self>, age: Duration) {
        let is_due = self.read.try_lock().is_ok_and(|last| last.elapsed() >= age);
        if !is_due {
            return;
        }
        let own = Arc::clone(self);
        tokio::spawn(async move {
            let Ok(mut last) = own.read.try_lock() else { return };
            if last.elapsed() >= age {
                *last = Instant::now();
                own.take(read(&own.source).await);
            }
        });
    }

    fn take(&self, found: Result<BTreeMap<String, Key>, String>) {
        let outcome = if found.is_ok() { "ok" } else { "failed" };
        metrics::counter!("jwks_reads_total", "outcome" => outcome).increment(1);
        match found {
            Ok(keys) => {
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
            }
            // A file that is being replaced, or an issuer that is down, must not make every token invalid.
            Err(error) => tracing::warn!("the old keys stay in force: {error}"),
        }
    }
}

async fn read(source: &Source) -> Result<BTreeMap<String, Key>, String> {
    let text = source.read().await.map_err(|error| format!("{source}: {error}"))?;
    let set: JwkSet = serde_json::from_str(&text).map_err(|error| format!("{source}: {error}"))?;
    let keys: BTreeMap<String, Key> = set.keys.iter().filter_map(key).collect();
    if keys.is_empty() {
        return Err(format!(
            "{source}: holds no key that can be used (Ed25519, P-256 or RSA, with a kid)"
        ));
    }
    Ok(keys)
}

fn key(jwk: &Jwk) -> Option<(String, Key)> {
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(_) => Algorithm::EdDSA,
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
            Algorithm::ES256
        }
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        // A symmetric key in a public file is no secret.
        _ => return None,
    };
    let id = jwk.common.key_id.clone()?;
    Some((id, Key { algorithm, key: DecodingKey::from_jwk(jwk).ok()? }))
}
