//! A lock that lets one process at a time start or stop the servers of a folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, sleep};

/// Longer than the first start of all servers takes on a slow machine.
const TIMEOUT: Duration = Duration::from_secs(240);

/// Held while servers are started or stopped; the kernel frees it when its holder dies.
pub struct Lock(#[expect(dead_code, reason = "holding it is its use")] File);

impl Lock {
    /// Waits for the folder's lock.
    pub async fn take(folder: &Path) -> Result<Self> {
        let path = folder.join("stack.lock");
        let until = Instant::now() + TIMEOUT;
        loop {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("make the folder {}", folder.display()))?;
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)
                .with_context(|| format!("open {}", path.display()))?;
            match file.try_lock() {
                // If the previous holder removed the folder, the locked file was deleted; try again.
                Ok(()) if is_at(&file, &path) => return Ok(Self(file)),
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    return Err(error).context(format!("lock {}", path.display()));
                }
            }
            if until < Instant::now() {
                bail!(
                    "another process has held {} for {TIMEOUT:?}; `fuser {}` names it",
                    path.display(),
                    path.display()
                );
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(held), Ok(there)) => held.ino() == there.ino() && held.dev() == there.dev(),
        _ => false,
    }
}
