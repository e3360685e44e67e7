//! What all three servers have in common: being started, waited for, found again and ended.

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
const PATIENCE: Duration = Duration::from_secs(90);

/// A free port is only known to be free until somebody else takes it: so a server that ends at
/// once is tried again.
const ATTEMPTS: u32 = 4;

/// One server in one folder.
pub trait Server: Send + Sync {
    /// Its name in the record and in messages.
    const NAME: &'static str;
    /// What asks it to end, politest first.
    const END: &'static [Signal];

    /// How its process is known.
    fn identity(&self) -> &Identity;
    /// Where its output goes.
    fn log(&self) -> &Path;
    /// Where its data lies.
    fn dir(&self) -> &Path;
    /// Makes its folder ready; repeating it changes nothing.
    fn prepare(&self, binaries: &Binaries) -> impl Future<Output = Result<()>> + Send;
    /// The process to start.
    fn launch(&self, binaries: &Binaries, port: u16) -> Result<Launch>;
    /// Fails unless this very server, not another one on its port, serves there.
    fn answers(&self, port: u16) -> impl Future<Output = Result<()>> + Send;
    /// Its address for clients.
    fn url(&self, port: u16) -> String;
}

/// The live process's line of the record, if there is one.
pub fn alive<S: Server>(server: &S, record: &Record) -> Option<(u32, u16)> {
    let entry = record.entry(S::NAME);
    let (pid, port) = (entry.pid?, entry.port?);
    server.identity().is(pid).then_some((pid, port))
}

/// Makes sure that the server runs as a daemon, and returns its pid and port.
pub async fn ensure<S: Server>(server: &S, record: &mut Record) -> Result<(u32, u16)> {
    if let Some((pid, port)) = alive(server, record) {
        let gone = || (!server.identity().is(pid)).then(|| "has ended".to_owned());
        ready(server, port, gone).await.map_err(|error| explain(server, error))?;
        return Ok((pid, port));
    }
    let binaries = find::once()?;
    if let Some(orphan) = server.identity().search() {
        server.identity().end(orphan, S::END).await?;
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
        // Written before anything can go wrong, so that nothing runs unrecorded.
        record.set(S::NAME, Entry { pid: Some(pid), port: Some(port) })?;
        let error = match ready(server, port, || ended(&mut child)).await {
            Ok(()) => {
                reap(child);
                return Ok((pid, port));
            }
            Err(error) => error,
        };
        let ended_by_itself = ended(&mut child).is_some();
        server.identity().end(pid, S::END).await?;
        reap(child);
        record.set(S::NAME, Entry { pid: None, port: Some(port) })?;
        if !ended_by_itself || attempt == ATTEMPTS {
            return Err(error);
        }
        sleep(Duration::from_millis(200) * attempt).await;
        attempt += 1;
    }
}

/// Waits until the server serves, or says why it never will.
pub async fn ready<S: Server>(
    server: &S,
    port: u16,
    mut ended: impl FnMut() -> Option<String>,
) -> Result<()> {
    let until = Instant::now() + PATIENCE;
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
            return Err(error
                .context(format!("{} does not serve on port {port} after {PATIENCE:?}", S::NAME)));
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(200));
    }
}

/// How the child ended, if it did.
pub fn ended(child: &mut Child) -> Option<String> {
    child.try_wait().ok().flatten().map(|status: ExitStatus| format!("ended ({status})"))
}

/// A daemon's parent has to collect its exit status, else the dead one keeps its pid.
fn reap(mut child: Child) {
    std::thread::spawn(move || child.wait());
}

/// Adds what a person needs in order to act: the log, its last lines, and the way out.
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
