//! Starts a process as a daemon, or as a child that dies with this process.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, mpsc};

use anyhow::{Context, Result};
use tokio::sync::oneshot;

/// The user that a server runs as, if it is not the current user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    pub uid: u32,
    pub gid: u32,
}

/// A process to start.
#[derive(Debug)]
pub struct Launch {
    pub program: PathBuf,
    pub args: Vec<OsString>,
    /// Its working directory, which its user must be able to enter.
    pub dir: PathBuf,
    pub account: Option<Account>,
}

impl Launch {
    /// Starts a daemon. It has its own session, so closing the terminal does not end it, and it does
    /// not inherit our standard output, so a reader of our output does not wait for it.
    pub fn detached(&self, log: &Path) -> Result<Child> {
        let mut command = self.through("setsid", &[], log)?;
        command.spawn().with_context(|| format!("start {} by setsid", self.program.display()))
    }

    /// Starts a child that the kernel kills when this process ends, in whatever way (if `setpriv`
    /// exists).
    pub async fn bound(&self, log: &Path) -> Result<Child> {
        let command = if has_setpriv() {
            self.through("setpriv", &["--pdeathsig", "KILL", "--"], log)?
        } else {
            self.plain(log)?
        };
        let spawned = spawn_from_lasting_thread(command).await;
        spawned.with_context(|| format!("start {}", self.program.display()))
    }

    fn plain(&self, log: &Path) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command.args(&self.args);
        self.configure(command, log)
    }

    /// The helper calls `exec`, so the pid of the child is that of the program.
    fn through(&self, helper: &str, options: &[&str], log: &Path) -> Result<Command> {
        let mut command = Command::new(helper);
        command.args(options).arg(&self.program).args(&self.args);
        self.configure(command, log)
    }

    fn configure(&self, mut command: Command, log: &Path) -> Result<Command> {
        let log = open_log(log).with_context(|| format!("open the log {}", log.display()))?;
        command.current_dir(&self.dir).env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        if let Some(account) = self.account {
            command.uid(account.uid).gid(account.gid);
        }
        Ok(command)
    }
}

/// Opens a new log and keeps the previous one as `.log.old`, because it shows how the server ended.
fn open_log(log: &Path) -> io::Result<File> {
    match std::fs::rename(log, log.with_extension("log.old")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().create(true).append(true).open(log)
}

fn has_setpriv() -> bool {
    static HAS: LazyLock<bool> = LazyLock::new(|| {
        Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "true"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    });
    *HAS
}

type SpawnRequest = (Command, oneshot::Sender<io::Result<Child>>);

/// Spawns from a thread that lives as long as this process. For the kernel the parent of a child is
/// the thread that spawned it: a child spawned by a test's thread would be killed when that test
/// ends, even if other tests use it.
async fn spawn_from_lasting_thread(command: Command) -> Result<Child> {
    static SPAWNER: LazyLock<mpsc::Sender<SpawnRequest>> = LazyLock::new(|| {
        let (requests, received) = mpsc::channel::<SpawnRequest>();
        std::thread::spawn(move || {
            for (mut command, answer) in received {
                if let Err(Ok(mut unwanted)) = answer.send(command.spawn()) {
                    let _ = unwanted.kill();
                    let _ = unwanted.wait();
                }
            }
        });
        requests
    });
    let (answer, answered) = oneshot::channel();
    SPAWNER.send((command, answer)).ok().context("the spawning thread is gone")?;
    Ok(answered.await.context("the spawning thread is gone")??)
}
