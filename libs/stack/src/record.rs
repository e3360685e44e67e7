//! The record of a folder's servers, `stack.json`: their pids and ports.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Purpose of the servers, which determines their durability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Durable: nothing acknowledged is lost, even in a power failure.
    #[default]
    Development,
    /// Fast: all data may be lost in a power failure, but none if a server is killed.
    Test,
}

/// The entry of one server. The port is kept when it stops, so that its address stays the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub pid: Option<u32>,
    pub port: Option<u16>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Record {
    pub profile: Profile,
    servers: BTreeMap<String, Entry>,
    #[serde(skip)]
    path: PathBuf,
}

impl Record {
    /// Reads the folder's record; empty if there is none.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("stack.json");
        let mut record = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).with_context(|| {
                format!("{} is not readable as a record; delete it and try again", path.display())
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::default(),
            Err(error) => return Err(error).context(format!("read {}", path.display())),
        };
        record.path = path;
        Ok(record)
    }

    pub fn entry(&self, server: &str) -> Entry {
        self.servers.get(server).copied().unwrap_or_default()
    }

    /// Changes an entry and writes the file atomically.
    pub fn set(&mut self, server: &str, entry: Entry) -> Result<()> {
        self.servers.insert(server.to_owned(), entry);
        let new = self.path.with_extension("json.new");
        std::fs::write(&new, serde_json::to_vec_pretty(self)?)
            .and_then(|()| std::fs::rename(&new, &self.path))
            .with_context(|| format!("write {}", self.path.display()))
    }
}

/// Eight hexadecimal digits of a path's SHA-256.
pub fn short_hash(path: &Path) -> String {
    use sha2::Digest;
    use std::os::unix::ffi::OsStrExt;
    let digest = sha2::Sha256::digest(path.as_os_str().as_bytes());
    digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
