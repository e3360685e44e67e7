use super::places::{Places, write_private};
use anyhow::{Context, Result};
use rand::Rng;
use rand::distr::Alphanumeric;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is made up once and kept, so that data of yesterday can be read today.
#[derive(Default, Serialize, Deserialize)]
pub struct Secrets {
    /// Passwords of the services' database roles.
    passwords: BTreeMap<String, String>,
    /// Signs page tokens.
    pub page_key: String,
}

impl Secrets {
    /// Reads them, and makes up what is missing.
    pub fn keep(places: &Places) -> Result<Self> {
        let path = places.dev().join("secrets.json");
        let mut secrets: Self = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .with_context(|| format!("{} cannot be read as secrets", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::default(),
            Err(error) => return Err(error).context(format!("read {}", path.display())),
        };
        let mut changed = secrets.page_key.is_empty();
        if changed {
            secrets.page_key = made_up();
        }
        for role in crate::role_names() {
            secrets.passwords.entry(role.to_owned()).or_insert_with(|| {
                changed = true;
                made_up()
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

fn made_up() -> String {
    rand::rng().sample_iter(Alphanumeric).take(40).map(char::from).collect()
}
