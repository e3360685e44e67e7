//! What the processes of a development mesh are told: databases, keys, addresses.

use super::process::Process;
use anyhow::{Context, anyhow};
use mesh::identity::Signer;
use pg::{migrate, provision};
use secrecy::{ExposeSecret, SecretString};
use stack::Stack;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a client needs, as shell assignments.
pub const FILE: &str = ".souk/env";

/// Settings of a development mesh.
pub struct Environment {
    superuser: SecretString,
    password: String,
    keys: PathBuf,
    settings: BTreeMap<String, String>,
}

impl Environment {
    /// Makes the keys and passwords that are not there yet, and names everything.
    pub fn prepare(folder: &Path, servers: &Stack) -> anyhow::Result<Self> {
        let folder = std::path::absolute(folder)?;
        let password = secret(&folder.join("password"))?;
        let keys = folder.join("auth");
        mesh::identity::generate_keys(&keys)?;
        let mut settings = BTreeMap::from([
            ("SOUK_NATS_URL".to_owned(), servers.nats_url.clone()),
            ("SOUK_REDIS_URL".to_owned(), servers.redis_url.clone()),
            ("SOUK_PAGE_KEY".to_owned(), secret(&folder.join("page-key"))?),
            ("SOUK_AUTH_JWKS_FILE".to_owned(), keys.join("jwks.json").display().to_string()),
            (
                "SOUK_AUTH_SIGNING_KEY_FILE".to_owned(),
                keys.join("signing.pem").display().to_string(),
            ),
        ]);
        for role in souk::ROLES {
            let url = url(&servers.postgres_url, role, &password)?;
            settings.insert(format!("SOUK_DATABASE_URL_{}", role.to_ascii_uppercase()), url);
        }
        Ok(Self { superuser: servers.postgres_url.clone().into(), password, keys, settings })
    }

    /// The settings of every process.
    pub fn settings(&self) -> impl Iterator<Item = (&String, &String)> {
        self.settings.iter()
    }

    /// Makes databases and roles and brings them up to date.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        for role in souk::ROLES {
            provision::create(&self.superuser, &format!("souk_{role}"), &self.password).await?;
            let setting = format!("SOUK_DATABASE_URL_{}", role.to_ascii_uppercase());
            let url = self.settings.get(&setting).context("every role has a database")?;
            let own = souk::migrations(role).context("every role has migrations")?;
            migrate::run(&url.clone().into(), own).await.with_context(|| format!("migrate {role}"))?;
        }
        Ok(())
    }

    /// Writes down what a client needs.
    pub fn write(&self, processes: &[Process]) -> anyhow::Result<()> {
        let mut text = String::new();
        let first = processes.first().context("no process")?;
        let mut assign = |name: &str, value: &str| {
            let _ = writeln!(text, "{name}='{value}'");
        };
        assign("SOUK_GRPC", &first.grpc().to_string());
        assign("SOUK_ADMIN", &first.admin().to_string());
        for process in processes {
            let role = process.name().to_ascii_uppercase();
            assign(&format!("SOUK_GRPC_{role}"), &process.grpc().to_string());
            assign(&format!("SOUK_ADMIN_{role}"), &process.admin().to_string());
            if let Some(pid) = process.pid() {
                assign(&format!("SOUK_PID_{role}"), &pid.to_string());
            }
        }
        assign("SOUK_TOKEN", self.token()?.expose_secret());
        for (name, value) in self.settings.iter().filter(|(name, _)| name.contains("_URL")) {
            assign(name, value);
        }
        private(Path::new(FILE), &text)
    }

    fn token(&self) -> anyhow::Result<SecretString> {
        let key = self.keys.join("signing.pem");
        let signer = Signer::from_file(&key, "souk", "souk").map_err(|problem| anyhow!(problem))?;
        let week = Duration::from_secs(7 * 24 * 3600);
        signer.mint("developer", &mesh::auth::all_scopes(), week).map_err(|problem| anyhow!(problem))
    }
}

/// The URL of a role's database, by the superuser's.
fn url(superuser: &str, role: &str, password: &str) -> anyhow::Result<String> {
    let (_, server) = superuser.split_once('@').context("the superuser's URL names a user")?;
    let server = server.split('/').next().unwrap_or(server);
    Ok(format!("postgres://souk_{role}:{password}@{server}/souk_{role}"))
}

/// A random word that is made once.
fn secret(path: &Path) -> anyhow::Result<String> {
    if let Ok(known) = std::fs::read_to_string(path) {
        return Ok(known);
    }
    let word = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    private(path, &word)?;
    Ok(word)
}

fn private(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}
