//! Redis as a cache: nothing is written to disk.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::find::Binaries;
use crate::launch::Launch;
use crate::private::Private;
use crate::process::Identity;
use crate::server::Server;

/// Redis in a folder.
#[derive(Debug)]
pub struct Redis {
    dir: PathBuf,
    log: PathBuf,
    identity: Identity,
}

impl Redis {
    pub(crate) fn new(folder: &Path) -> Self {
        let dir = folder.join("redis");
        // Redis overwrites its command line with its program's path and address. Started through a link
        // in our folder it can still be identified.
        let identity = Identity { program: "redis-server", mark: dir.join("redis-server") };
        Self { log: folder.join("redis.log"), dir, identity }
    }

    /// Starts a private Redis in `folder`; see [`Private`].
    pub async fn spawn_private(folder: impl AsRef<Path>) -> Result<Private<Self>> {
        Private::spawn(folder.as_ref(), Self::new).await
    }
}

impl Server for Redis {
    const NAME: &'static str = "redis";
    const STOP_SIGNALS: &'static [Signal] = &[Signal::SIGTERM];

    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn log(&self) -> &Path {
        &self.log
    }

    fn dir(&self) -> &Path {
        &self.dir
    }

    async fn prepare(&self, binaries: &Binaries) -> Result<()> {
        std::fs::create_dir_all(&self.dir)
            .with_context(|| format!("make the folder {}", self.dir.display()))?;
        let link = &self.identity.mark;
        let _ = std::fs::remove_file(link);
        symlink(&binaries.redis, link).with_context(|| format!("make the link {}", link.display()))
    }

    fn launch(&self, _: &Binaries, port: u16) -> Result<Launch> {
        let port = port.to_string();
        let options = [
            ["--bind", "127.0.0.1"],
            ["--port", &port],
            ["--save", ""],
            ["--appendonly", "no"],
            // Enough for each test to use its own database.
            ["--databases", "256"],
            ["--daemonize", "no"],
        ];
        let mut args: Vec<_> = options.concat().iter().map(Into::into).collect();
        args.extend(["--dir".into(), self.dir.clone().into()]);
        Ok(Launch {
            program: self.identity.mark.clone(),
            args,
            dir: self.dir.clone(),
            account: None,
        })
    }

    async fn answers(&self, port: u16) -> Result<()> {
        let mut connection = TcpStream::connect(("127.0.0.1", port)).await?;
        connection.write_all(b"CONFIG GET dir\r\nQUIT\r\n").await?;
        let mut reply = String::new();
        connection.read_to_string(&mut reply).await?;
        if !reply.lines().any(|line| Path::new(line) == self.dir) {
            bail!("what answers on port {port} is another server: {reply:?}");
        }
        Ok(())
    }

    fn url(&self, port: u16) -> String {
        format!("redis://127.0.0.1:{port}")
    }
}
