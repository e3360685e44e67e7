//! Starting a process that outlives us, or one that dies with us.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, mpsc};

use anyhow::{Context, Result};
use tokio::sync::oneshot;

/// The user that a server runs as, when that is not ours.
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
    /// Its working directory: one that its user may enter.
    pub dir: PathBuf,
    pub account: Option<Account>,
}

impl Launch {
    /// Starts a daemon: in a session of its own, so no terminal's end reaches it, and holding
    /// none of our files, so nobody waits for it who reads our output.
    pub fn detached(&self, log: &Path) -> Result<Child> {
        let mut command = self.through("setsid", &[], log)?;
        command.spawn().with_context(|| format!("start {} by setsid", self.program.display()))
    }

    /// Starts a child that the kernel kills when this process ends, however it ends.
    pub async fn bound(&self, log: &Path) -> Result<Child> {
        let command = if has_setpriv() {
            self.through("setpriv", &["--pdeathsig", "KILL", "--"], log)?
        } else {
            self.plain(log)?
        };
        spawn_for_life(command).await.with_context(|| format!("start {}", self.program.display()))
    }

    fn plain(&self, log: &Path) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command.args(&self.args);
        self.furnish(command, log)
    }

    /// The helper replaces itself by the program, so the child's pid is the program's.
    fn through(&self, helper: &str, options: &[&str], log: &Path) -> Result<Command> {
        let mut command = Command::new(helper);
        command.args(options).arg(&self.program).args(&self.args);
        self.furnish(command, log)
    }

    fn furnish(&self, mut command: Command, log: &Path) -> Result<Command> {
        let log = open_log(log).with_context(|| format!("open the log {}", log.display()))?;
        command.current_dir(&self.dir).env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        if let Some(account) = self.account {
            command.uid(account.uid).gid(account.gid);
        }
        Ok(command)
    }
}

/// A fresh log; the one before it stays beside it, since it tells how the server ended.
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

type Order = (Command, oneshot::Sender<io::Result<Child>>);

/// Spawns from a thread that lives as long as the process. The kernel's "parent died" means the
/// thread that spawned: from a test's own thread, a broker shared by tests would die with the
/// first of them.
async fn spawn_for_life(command: Command) -> Result<Child> {
    static SPAWNER: LazyLock<mpsc::Sender<Order>> = LazyLock::new(|| {
        let (orders, received) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in received {
                if let Err(Ok(mut unwanted)) = answer.send(command.spawn()) {
                    let _ = unwanted.kill();
                    let _ = unwanted.wait();
                }
            }
        });
        orders
    });
    let (answer, answered) = oneshot::channel();
    SPAWNER.send((command, answer)).ok().context("the spawning thread is gone")?;
    Ok(answered.await.context("the spawning thread is gone")??)
}
