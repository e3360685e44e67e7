use anyhow::{Context, Result};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Paths of the development stack's files.
pub struct Paths {
    /// The project's root; all files are in its folder `.souk`.
    pub root: PathBuf,
}

impl Paths {
    /// The paths for the current folder.
    pub fn here() -> Result<Self> {
        let root = std::env::current_dir().context("find the current folder")?;
        Ok(Self { root })
    }

    /// Servers, keys and logs for development.
    pub fn dev(&self) -> PathBuf {
        self.root.join(".souk/dev")
    }

    /// The servers of tests.
    pub fn test_stack(&self) -> PathBuf {
        self.root.join(".souk/test/stack")
    }

    /// The data folder of the mesh. It is on the command line of its processes and identifies them.
    pub fn data(&self) -> PathBuf {
        self.dev().join("data")
    }

    /// The variables for clients, as shell assignments.
    pub fn env(&self) -> PathBuf {
        self.root.join(crate::environment::FILE)
    }

    /// The log of a process of the mesh.
    pub fn log(&self, role: &str) -> PathBuf {
        self.dev().join("log").join(format!("{role}.log"))
    }

    /// A lock that lets one command at a time start or stop the mesh; the kernel releases it when its holder ends.
    pub async fn lock(&self) -> Result<File> {
        std::fs::create_dir_all(self.dev())?;
        let path = self.dev().join("mesh.lock");
        let file = File::create(&path).with_context(|| format!("open {}", path.display()))?;
        let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await?;
        locked.with_context(|| format!("lock {}", path.display()))
    }
}

/// Writes a file atomically that only its owner may read.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    let aside = path.with_extension("new");
    let write = || {
        // A file left over from a crash may have another mode.
        let _ = std::fs::remove_file(&aside);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
        file.write_all(text.as_bytes())?;
        std::fs::rename(&aside, path)
    };
    write().with_context(|| format!("write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn only_the_owner_may_read_a_private_file() {
        let folder = std::env::temp_dir().join(format!("souk-paths-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("env");
        for text in ["one", "two"] {
            write_private(&path, text).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
