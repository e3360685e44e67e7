//! The `schema.rs` of every service, generated from its migrations.

use anyhow::{Context, Result};
use pg::describe::{Described, describe};
use secrecy::SecretString;
use stack::{Profile, Stack};
use std::path::{Path, PathBuf};

/// The file of each service below `root` that has migrations, and what it is to say. Services are found by their folders, so that
/// the schema of one can be generated before it is served.
pub async fn generate(root: &Path) -> Result<Vec<(PathBuf, Described)>> {
    let servers = Stack::up(root.join(".souk/test/stack"), Profile::Test).await;
    let superuser = SecretString::from(servers.context("start PostgreSQL")?.postgres_url.clone());
    let mut generated = Vec::new();
    for service in services(root)? {
        let migrations = root.join("migrations").join(&service);
        let described = describe(&superuser, &migrations).await;
        let described = described
            .map_err(|fault| anyhow::anyhow!("migrations/{service}: {}", fault.chain()))?;
        generated.push((root.join("services").join(service).join("src/schema.rs"), described));
    }
    Ok(generated)
}

fn services(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root.join("migrations")).context("read migrations")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if root.join("services").join(&name).is_dir() {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}
