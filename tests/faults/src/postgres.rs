//! A PostgreSQL of a run's own, which may be killed.

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use stack::{Profile, Stack};
use std::path::PathBuf;
use std::time::Duration;

/// A server that keeps what it has committed when it is killed. It outlives this handle, and whoever makes the next one
/// removes it.
#[derive(Debug)]
pub struct Postgres {
    folder: PathBuf,
    stack: Stack,
}

impl Postgres {
    /// Starts an empty one.
    pub async fn start() -> Result<Self> {
        let folder = crate::folder::of_runs()?.join("servers");
        Stack::remove(&folder).await?;
        let stack = Stack::up(&folder, Profile::Development).await?;
        Ok(Self { folder, stack })
    }

    /// The superuser's URL.
    pub fn url(&self) -> String {
        self.stack.postgres_url.clone()
    }

    /// Kills it and starts it again on the same port; returns when it serves.
    pub async fn kill(&mut self) -> Result<()> {
        let running = self.stack.running.iter().find(|running| running.name == "postgres");
        let pid = running.context("the stack has no PostgreSQL")?.pid;
        kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGKILL)?;
        // Until it is gone it would be taken for one that runs.
        while std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.stack = Stack::up(&self.folder, Profile::Development).await?;
        Ok(())
    }

    /// Ends it and removes its data.
    pub async fn remove(self) -> Result<()> {
        Stack::remove(&self.folder).await
    }
}
