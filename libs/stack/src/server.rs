//! Common code of the three servers: starting them and waiting until they serve.

use std::future::Future;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use anyhow::{Error, Result, anyhow};
use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep, timeout};

use crate::find::{self, Binaries};
use crate::launch::Launch;
use crate::port;
use crate::process::Identity;
use crate::record::{Entry, Record};

/// How long a server may take until it serves; PostgreSQL may have to recover first.
const START_TIMEOUT: Duration = Duration::from_secs(90);

/// How often a server is started that ends at once, because another process may have taken the port
/// after it was found free.
const MAX_ATTEMPTS: u32 = 4;

/// One server in one folder.
pub trait Server: Send + Sync {
    /// Its name in the record and in messages.
    const NAME: &'static str;
    /// Signals that stop it, to be sent one after the other.
    const STOP_SIGNALS: &'static [Signal];

    /// Identifies its process.
    fn identity(&self) -> &Identity;
    /// Where its output goes.
    fn log(&self) -> &Path;
    /// Its data folder.
    fn dir(&self) -> &Path;
    /// Prepares its folder; idempotent.
    fn prepare(&self, binaries: &Binaries) -> impl Future<Output = Result<()>> + Send;
    /// The process to start.
    fn launch(&self, binaries: &Binaries, port: u16) -> Result<Launch>;
    /// Whether its process, if it runs, asks for the secrets that clients are given; an older build may have started it without.
    fn is_current(&self) -> bool {
        true
    }
    /// Fails unless this server, and not another one, serves on the port.
    fn answers(&self, port: u16) -> impl Future<Output = Result<()>> + Send;
    /// Its address for clients.
    fn url(&self, port: u16) -> String;
}

/// Pid and port of the recorded process, if it runs.
pub fn alive<S: Server>(server: &S, record: &Record) -> Option<(u32, u16)> {
    let entry = record.entry(S::NAME);
    let (pid, port) = (entry.pid?, entry.port?);
    server.identity().is(pid).then_some((pid, port))
}

/// Starts the server as a daemon unless it runs as it should, waits until it serves, and returns its pid and port.
pub async fn ensure<S: Server>(server: &S, record: &mut Record) -> Result<(u32, u16)> {
    if let Some((pid, port)) = alive(server, record).filter(|_| server.is_current()) {
        let gone = || (!server.identity().is(pid)).then(|| "has ended".to_owned());
        ready(server, port, gone).await.map_err(|error| explain(server, error))?;
        return Ok((pid, port));
    }
    let binaries = find::find_cached()?;
    // Outdated, or not recorded.
    if let Some(orphan) = server.identity().search() {
        server.identity().end(orphan, S::STOP_SIGNALS).await?;
    }
    let started = start(server, &binaries, record).await.map_err(|error| explain(server, error))?;
    tracing::info!(server = S::NAME, pid = started.0, port = started.1, "started");
    Ok(started)
}

async fn start<S: Server>(
    server: &S,
    binaries: &Binaries,
    record: &mut Record,
) -> Result<(u32, u16)> {
    server.prepare(binaries).await?;
    let mut attempt = 1;
    loop {
        let port = port::free(record.entry(S::NAME).port)?;
        let mut child = server.launch(binaries, port)?.detached(server.log())?;
        let pid = child.id();
        // Recorded at once, so that no process runs unrecorded if a later step fails.
        record.set(S::NAME, Entry { pid: Some(pid), port: Some(port) })?;
        let error = match ready(server, port, || ended(&mut child)).await {
            Ok(()) => {
                reap(child);
                return Ok((pid, port));
            }
            Err(error) => error,
        };
        let ended_by_itself = ended(&mut child).is_some();
        server.identity().end(pid, S::STOP_SIGNALS).await?;
        reap(child);
        record.set(S::NAME, Entry { pid: None, port: Some(port) })?;
        if !ended_by_itself || attempt == MAX_ATTEMPTS {
            return Err(error);
        }
        sleep(Duration::from_millis(200) * attempt).await;
        attempt += 1;
    }
}

/// Waits until the server serves; fails if `ended` reports that it has ended, or after a timeout.
pub async fn ready<S: Server>(
    server: &S,
    port: u16,
    mut ended: impl FnMut() -> Option<String>,
) -> Result<()> {
    let until = Instant::now() + START_TIMEOUT;
    let mut pause = Duration::from_millis(5);
    loop {
        let answer = timeout(Duration::from_secs(5), server.answers(port)).await;
        let error = match answer.unwrap_or_else(|_| Err(anyhow!("no answer within 5 s"))) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if let Some(how) = ended() {
            return Err(anyhow!("{} {how} before it served", S::NAME));
        }
        if until < Instant::now() {
            let message =
                format!("{} does not serve on port {port} after {START_TIMEOUT:?}", S::NAME);
            return Err(error.context(message));
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(200));
    }
}

/// How the child ended, if it did.
pub fn ended(child: &mut Child) -> Option<String> {
    child.try_wait().ok().flatten().map(|status: ExitStatus| format!("ended ({status})"))
}

/// Waits for the exit status of a child in the background, so that it does not stay a zombie.
fn reap(mut child: Child) {
    std::thread::spawn(move || child.wait());
}

/// Adds the path of the log, its last lines, and what to do.
pub fn explain<S: Server>(server: &S, error: Error) -> Error {
    let log = server.log();
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(15)..].join("\n  | ");
    anyhow!(
        "{error:#}\n  log: {}\n  | {last}\n  fix what the log names and try again; to begin with \
         empty data instead, stop the servers (`./dev down`) and remove {}",
        log.display(),
        server.dir().display(),
    )
}
