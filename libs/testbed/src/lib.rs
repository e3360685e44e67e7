//! What tests run on: real servers, shared by all test processes, and databases cloned from migrated templates. Migrations run once for
//! each state of their files and not once for each test.
#![expect(clippy::unwrap_used, reason = "only tests use it, and they fail by panicking")]

mod template;

pub use template::Template;

use pg::provision;
use secrecy::{ExposeSecret, SecretString};
use stack::{Profile, Stack};
use std::path::{Path, PathBuf};

/// The servers of all tests.
pub struct Servers {
    /// `postgres://…` of the superuser.
    pub superuser: SecretString,
    /// `redis://…`.
    pub redis_url: String,
    stack: PathBuf,
}

/// Folder for what tests write; the servers are in `stack`.
pub fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.souk/test");
    std::fs::create_dir_all(&folder).unwrap();
    folder.canonicalize().unwrap()
}

impl Servers {
    /// Starts them where they do not run.
    pub async fn up() -> Self {
        let stack = folder().join("stack");
        let running = Stack::up(&stack, Profile::Test).await.unwrap();
        Self { superuser: running.postgres_url.into(), redis_url: running.redis_url, stack }
    }

    /// A new database like the template, owned by the superuser; returns its URL. The caller drops it.
    pub async fn database(&self, template: &Template, name: &str) -> SecretString {
        let template = template.database(&self.superuser, &self.stack).await;
        provision::copy(&self.superuser, &template, name, "postgres").await.unwrap();
        self.url_of(name)
    }

    /// The URL of a database of the server.
    pub fn url_of(&self, name: &str) -> SecretString {
        provision::at(self.superuser.expose_secret(), name).into()
    }

    /// Drops a database.
    pub async fn drop(&self, name: &str) {
        provision::drop(&self.superuser, name).await.unwrap();
    }
}
