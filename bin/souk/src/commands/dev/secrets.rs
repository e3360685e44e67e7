use super::paths::Paths;
use anyhow::{Context, Result};
use rand::Rng;
use rand::distr::Alphanumeric;
use serde::{Deserialize, Serialize};
use stack::write_private;
use std::collections::BTreeMap;

/// Secrets that are generated once and stored, so that existing data stays accessible.
#[derive(Default, Serialize, Deserialize)]
pub struct Secrets {
    /// Passwords of the services' database roles.
    passwords: BTreeMap<String, String>,
    /// Key that signs page tokens.
    pub page_key: String,
}

impl Secrets {
    /// Reads the secrets, and generates those that are missing.
    pub fn load_or_create(paths: &Paths) -> Result<Self> {
        let path = paths.dev().join("secrets.json");
        let mut secrets: Self = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .with_context(|| format!("{} cannot be read as secrets", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::default(),
            Err(error) => return Err(error).context(format!("read {}", path.display())),
        };
        let mut changed = secrets.page_key.is_empty();
        if changed {
            secrets.page_key = random_secret();
        }
        for role in crate::role_names() {
            secrets.passwords.entry(role.to_owned()).or_insert_with(|| {
                changed = true;
                random_secret()
            });
        }
        if changed {
            write_private(&path, &serde_json::to_string_pretty(&secrets)?)?;
        }
        Ok(secrets)
    }

    /// The password of a role.
    pub fn password(&self, role: &str) -> &str {
        self.passwords.get(role).map(String::as_str).unwrap_or_default()
    }
}

fn random_secret() -> String {
    rand::rng().sample_iter(Alphanumeric).take(40).map(char::from).collect()
}
