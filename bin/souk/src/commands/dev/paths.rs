use anyhow::{Context, Result};
use std::fs::File;
use std::path::PathBuf;

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
