//! NATS with JetStream.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;

use crate::find::Binaries;
use crate::launch::Launch;
use crate::password;
use crate::private::Private;
use crate::private_file::write_private;
use crate::process::Identity;
use crate::record::Profile;
use crate::server::Server;

/// When the broker flushes to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flush {
    /// Before each acknowledgement: no acknowledged message is lost in a power failure.
    Always,
    /// Every two minutes: messages may be lost in a power failure, but not if the broker is killed.
    Interval,
}

/// A NATS server in a folder.
#[derive(Debug)]
pub struct Nats {
    dir: PathBuf,
    log: PathBuf,
    identity: Identity,
    flush: Flush,
    /// Where the password of its user lies; none: everybody may connect.
    password: Option<PathBuf>,
}

/// Name of the only user of a broker with a password.
const USER: &str = "souk";

/// The first line that a broker sends.
#[derive(Deserialize)]
struct Info {
    server_name: String,
    #[serde(default)]
    jetstream: bool,
}

impl Nats {
    pub(crate) fn new(folder: &Path, flush: Flush) -> Self {
        let dir = folder.join("nats");
        let identity = Identity { program: "nats-server", mark: dir.join("nats.conf") };
        Self { log: folder.join("nats.log"), dir, identity, flush, password: None }
    }

    /// The same broker for clients that show its user's password: whoever has an account on the machine can reach its port.
    pub(crate) fn guarded(mut self) -> Self {
        self.password = Some(self.dir.join("password"));
        self
    }

    fn password(&self) -> Option<String> {
        password::read(self.password.as_deref()?)
    }

    /// Starts a private broker in `folder`; see [`Private`]. It flushes at intervals, which is enough
    /// for tests that kill the process.
    pub async fn spawn_private(folder: impl AsRef<Path>) -> Result<Private<Self>> {
        Self::spawn_private_with(folder, Flush::Interval).await
    }

    /// Like [`Nats::spawn_private`], with a choice of [`Flush`], e.g. to measure as in production.
    pub async fn spawn_private_with(
        folder: impl AsRef<Path>,
        flush: Flush,
    ) -> Result<Private<Self>> {
        Private::spawn(folder.as_ref(), |folder| Self::new(folder, flush)).await
    }

    /// Like [`Nats::spawn_private`], but it asks for the user and password that its URL holds.
    pub async fn spawn_private_guarded(folder: impl AsRef<Path>) -> Result<Private<Self>> {
        let guarded = |folder: &Path| Self::new(folder, Flush::Interval).guarded();
        Private::spawn(folder.as_ref(), guarded).await
    }

    fn server_name(&self) -> String {
        format!("souk-{}", crate::record::short_hash(&self.dir))
    }

    fn config(&self, port: u16) -> Result<String> {
        let store = serde_json::to_string(&self.dir.join("store"))?;
        let sync = match self.flush {
            Flush::Always => "always",
            Flush::Interval => "2m",
        };
        let users = self.password().map(|password| {
            format!("authorization {{\n  user: {USER}\n  password: \"{password}\"\n}}\n")
        });
        // The limits are explicit because the defaults depend on the machine's memory and disk.
        Ok(format!(
            "server_name: {name}\n\
             listen: 127.0.0.1:{port}\n\
             max_payload: 1MB\n\
             jetstream {{\n  store_dir: {store}\n  sync_interval: {sync}\n  \
             max_memory_store: 256MB\n  max_file_store: 16GB\n}}\n{users}",
            name = self.server_name(),
            users = users.unwrap_or_default(),
        ))
    }
}

impl From<Profile> for Flush {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Development => Self::Always,
            Profile::Test => Self::Interval,
        }
    }
}

impl Server for Nats {
    const NAME: &'static str = "nats";
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

    async fn prepare(&self, _: &Binaries) -> Result<()> {
        std::fs::create_dir_all(&self.dir)
            .with_context(|| format!("make the folder {}", self.dir.display()))?;
        self.password.as_deref().map_or(Ok(()), password::make)
    }

    fn launch(&self, binaries: &Binaries, port: u16) -> Result<Launch> {
        let config = &self.identity.mark;
        write_private(config, &self.config(port)?)?;
        Ok(Launch {
            program: binaries.nats.clone(),
            args: vec!["-c".into(), config.into()],
            dir: self.dir.clone(),
            account: None,
        })
    }

    fn is_current(&self) -> bool {
        if self.password.is_none() {
            return true;
        }
        let config = std::fs::read_to_string(&self.identity.mark).unwrap_or_default();
        self.password().is_some_and(|password| config.contains(&password))
    }

    async fn answers(&self, port: u16) -> Result<()> {
        let mut lines = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await?).lines();
        let line = lines.next_line().await?.unwrap_or_default();
        let info = line.strip_prefix("INFO ").context("what answers is no NATS server")?;
        let info: Info = serde_json::from_str(info)?;
        if info.server_name != self.server_name() {
            bail!("what answers on port {port} is another server, {}", info.server_name);
        }
        if !info.jetstream {
            bail!("JetStream is not up");
        }
        Ok(())
    }

    fn url(&self, port: u16) -> String {
        match self.password() {
            Some(password) => format!("nats://{USER}:{password}@127.0.0.1:{port}"),
            None => format!("nats://127.0.0.1:{port}"),
        }
    }
}
