//! A private server that a test may kill.

use std::path::Path;
use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep};

use crate::find::{self, Binaries};
use crate::port;
use crate::process;
use crate::server::{Server, ended, explain, ready};

/// A server of the caller's own. It ends with this handle, or with this process in whatever way that
/// ends. [`kill`](Self::kill) and [`restart`](Self::restart) keep its port and data. The caller has to
/// remove its folder.
#[derive(Debug)]
pub struct Private<S> {
    server: S,
    binaries: Binaries,
    port: u16,
    child: Option<Child>,
}

impl<S: Server> Private<S> {
    pub(crate) async fn spawn(folder: &Path, server: impl FnOnce(&Path) -> S) -> Result<Self> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("make the folder {}", folder.display()))?;
        // An absolute path without links, because it identifies the process.
        let server = server(&folder.canonicalize()?);
        let binaries = find::find_cached()?;
        server.prepare(&binaries).await?;
        let mut private = Self { server, binaries, port: port::free(None)?, child: None };
        let mut attempts = 3;
        while let Err(error) = private.start().await {
            attempts -= 1;
            // Another process may have taken the port meanwhile.
            if attempts == 0 || port::is_free(private.port) {
                return Err(explain(&private.server, error));
            }
            private.port = port::free(None)?;
        }
        Ok(private)
    }

    async fn start(&mut self) -> Result<()> {
        let launch = self.server.launch(&self.binaries, self.port)?;
        let child = self.child.insert(launch.bound(self.server.log()).await?);
        let served = ready(&self.server, self.port, || ended(child)).await;
        if served.is_err() {
            self.kill().await?;
        }
        served
    }

    /// Its address for clients.
    pub fn url(&self) -> String {
        self.server.url(self.port)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        self.server.log()
    }

    /// Sends SIGKILL and waits until it has ended.
    pub async fn kill(&mut self) -> Result<()> {
        self.end(Signal::SIGKILL).await
    }

    /// Sends SIGTERM and waits until it has ended.
    pub async fn stop(&mut self) -> Result<()> {
        self.end(Signal::SIGTERM).await
    }

    /// Kills it if it runs, and starts it again on the same port with the same data.
    pub async fn restart(&mut self) -> Result<()> {
        self.kill().await?;
        let until = Instant::now() + Duration::from_secs(10);
        while !port::is_free(self.port) {
            if until < Instant::now() {
                bail!("port {} was taken by another process meanwhile", self.port);
            }
            sleep(Duration::from_millis(20)).await;
        }
        self.start().await.map_err(|error| explain(&self.server, error))
    }

    /// Sends SIGSTOP: connections stay open, but nothing is answered.
    pub fn freeze(&self) -> Result<()> {
        process::send(self.pid().context("it does not run")?, Signal::SIGSTOP)
    }

    /// Sends SIGCONT to continue a frozen server.
    pub fn thaw(&self) -> Result<()> {
        process::send(self.pid().context("it does not run")?, Signal::SIGCONT)
    }

    async fn end(&mut self, signal: Signal) -> Result<()> {
        let Some(child) = &mut self.child else {
            return Ok(());
        };
        process::send(child.id(), signal)?;
        let until = Instant::now() + Duration::from_secs(20);
        while child.try_wait()?.is_none() {
            if until < Instant::now() {
                bail!("{} (pid {}) does not end by {signal}", S::NAME, child.id());
            }
            sleep(Duration::from_millis(5)).await;
        }
        self.child = None;
        Ok(())
    }
}

impl<S> Drop for Private<S> {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
