//! A migrated database that others are cloned from.

use diesel_async::SimpleAsyncConnection;
use pg::migrate::{self, Migrations};
use pg::{Db, Settings, provision};
use secrecy::{ExposeSecret, SecretString};
use std::path::{Path, PathBuf};

/// The folder of a service's migrations, and the same as they are compiled in.
type Own = (&'static str, fn() -> Migrations);

/// What the databases of a kind hold.
#[derive(Clone, Copy)]
pub struct Template {
    /// The migrations besides the shared ones.
    own: Option<Own>,
    /// Statements that follow, for tables of tests.
    then: &'static str,
}

impl Template {
    /// The shared tables, and what these statements create.
    pub const fn shared(then: &'static str) -> Self {
        Self { own: None, then }
    }

    /// The tables of a service.
    pub const fn of_service(folder: &'static str, migrations: fn() -> Migrations) -> Self {
        Self { own: Some((folder, migrations)), then: "" }
    }

    /// The name of the template's database, which is created if it is not there. The name contains a digest, so changed migrations get
    /// a new template. A file lock lets only one test process create it.
    pub(crate) async fn database(self, superuser: &SecretString, stack: &Path) -> String {
        let folder = stack.join("templates");
        std::fs::create_dir_all(&folder).unwrap();
        let name = format!("template_{:016x}", self.digest());
        let (superuser, made) = (superuser.clone(), name.clone());
        // A file lock blocks its thread, and the work under it is async.
        tokio::task::spawn_blocking(move || {
            let done = folder.join(&made);
            if done.exists() {
                return;
            }
            let lock = std::fs::File::create(folder.join("lock")).unwrap();
            lock.lock().unwrap();
            if done.exists() {
                return;
            }
            tokio::runtime::Handle::current().block_on(self.create(&superuser, &made));
            std::fs::write(done, "").unwrap();
        })
        .await
        .unwrap();
        name
    }

    async fn create(self, superuser: &SecretString, name: &str) {
        provision::drop(superuser, name).await.unwrap();
        provision::create(superuser, name, "unused").await.unwrap();
        let url = SecretString::from(provision::at(superuser.expose_secret(), name));
        match self.own {
            Some((_, migrations)) => migrate::run(&url, migrations()).await.unwrap(),
            None => migrate::run(&url, migrate::SHARED).await.unwrap(),
        };
        if !self.then.is_empty() {
            let db = Db::new("template", Settings::of(url)).unwrap();
            let then = self.then;
            db.write("test.template", async move |tx| Ok(tx.conn().batch_execute(then).await?))
                .await
                .unwrap();
        }
    }

    fn digest(self) -> u64 {
        let own = self.own.map_or(0, |(folder, _)| digest(&migrations(folder)).rotate_left(1));
        digest(&migrations("shared")) ^ own ^ fnv(self.then.as_bytes()).rotate_left(2)
    }
}

fn migrations(name: &str) -> PathBuf {
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
