//! Databases of a test, one for each service, cloned from migrated templates.

use mesh::Role;
use pg::provision;
use secrecy::{ExposeSecret, SecretString};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The databases of one test.
pub(crate) struct Databases {
    superuser: SecretString,
    names: Vec<(&'static str, String)>,
}

impl Databases {
    /// Clones one for each role.
    pub(crate) async fn create(superuser: &str, folder: &Path, roles: &[Role]) -> Self {
        let superuser = SecretString::from(superuser.to_owned());
        let test = Uuid::now_v7().simple().to_string();
        let mut names = Vec::new();
        for role in roles {
            let template = template(&superuser, folder, role).await;
            let name = format!("test_{test}_{}", role.name);
            provision::copy(&superuser, &template, &name, "postgres").await.unwrap();
            names.push((role.name, name));
        }
        Self { superuser, names }
    }

    /// Role and URL of each.
    pub(crate) fn urls(&self) -> impl Iterator<Item = (&'static str, SecretString)> + '_ {
        self.names
            .iter()
            .map(|(role, name)| (*role, provision::at(self.superuser.expose_secret(), name).into()))
    }

    /// Drops them.
    pub(crate) async fn drop(self) {
        for (_, name) in &self.names {
            provision::drop(&self.superuser, name).await.unwrap();
        }
    }
}

/// Returns the name of a role's migrated template database, and creates it if it does not exist. The name contains a digest of the
/// migrations, so changed migrations get a new template. A file lock lets only one test process create it.
async fn template(superuser: &SecretString, folder: &Path, role: &Role) -> String {
    let digest = digest(&migrations_folder(role.name)) ^ digest(&migrations_folder("shared"));
    let name = format!("template_{}_{digest:016x}", role.name);
    let (superuser, folder, migrations) = (superuser.clone(), folder.to_owned(), role.migrations);
    let made = name.clone();
    // A file lock blocks its thread, and the work under it is async.
    tokio::task::spawn_blocking(move || {
        let lock = std::fs::File::create(folder.join("templates.lock")).unwrap();
        lock.lock().unwrap();
        tokio::runtime::Handle::current().block_on(async {
            let done = folder.join(format!("{made}.done"));
            if done.exists() {
                return;
            }
            provision::drop(&superuser, &made).await.unwrap();
            provision::create(&superuser, &made, "unused").await.unwrap();
            let url = provision::at(superuser.expose_secret(), &made);
            pg::migrate::run(&url.into(), migrations()).await.unwrap();
            std::fs::write(done, "").unwrap();
        });
    })
    .await
    .unwrap();
    name
}

fn migrations_folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(name)
}

/// FNV-1a over names and contents, independent of the order in which the folder is listed.
fn digest(folder: &Path) -> u64 {
    let mut sum = 0u64;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let inner = if path.is_dir() { digest(&path) } else { fnv(&std::fs::read(&path).unwrap()) };
        sum = sum
            .wrapping_add(inner ^ fnv(path.file_name().unwrap().as_encoded_bytes()).rotate_left(7));
    }
    sum
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
