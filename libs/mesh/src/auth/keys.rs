use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// A revoked key is accepted for at most this long.
const REFRESH_INTERVAL: Duration = Duration::from_secs(15);

/// Shortest interval at which a token with an unknown key makes the file be read again: such tokens are cheap to send.
const UNKNOWN_KEY_REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// The public keys of a JWKS file by their ids, read again while the process runs, so that keys rotate without a restart.
pub(super) struct Keys {
    path: PathBuf,
    known: RwLock<Arc<BTreeMap<String, Key>>>,
    read: Mutex<Instant>,
}

/// One public key and the only algorithm that it is for: the algorithm in a token's header is ignored.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

impl Keys {
    pub(super) fn open(path: PathBuf) -> Result<Self, String> {
        let known = RwLock::new(Arc::new(read(&path)?));
        Ok(Self { path, known, read: Mutex::new(Instant::now()) })
    }

    pub(super) fn find(&self, id: &str) -> Option<Key> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    pub(super) fn knows(&self, id: &str) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).contains_key(id)
    }

    /// The same as `find`, reading the file again where it may have changed.
    pub(super) fn find_newest(&self, id: &str) -> Option<Key> {
        self.find(id).or_else(|| {
            self.read_again(UNKNOWN_KEY_REFRESH_INTERVAL);
            self.find(id)
        })
    }

    /// Drops keys that were revoked.
    pub(super) fn refresh(&self) {
        self.read_again(REFRESH_INTERVAL);
    }

    pub(super) fn read_again(&self, age: Duration) {
        // While one call reads the file, the others use the keys that are loaded.
        let Ok(mut last) = self.read.try_lock() else {
            return;
        };
        if last.elapsed() < age {
            return;
        }
        *last = Instant::now();
        match read(&self.path) {
            Ok(keys) => {
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys)
            }
            // A file that is being replaced must not make every token invalid.
            Err(error) => tracing::warn!("the old keys stay in force: {error}"),
        }
    }
}

fn read(path: &std::path::Path) -> Result<BTreeMap<String, Key>, String> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    let set: JwkSet = serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
    let keys: BTreeMap<String, Key> = set.keys.iter().filter_map(key).collect();
    if keys.is_empty() {
        return Err(format!(
            "{name}: holds no key that can be used (Ed25519, P-256 or RSA, with a kid)"
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
