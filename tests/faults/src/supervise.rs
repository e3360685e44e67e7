//! Keeps processes running: one that dies is started again, as an orchestrator does, and its death is recorded.

use crate::history::{Entry, Recorder, now};
use crate::process::Role;
use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often the processes are checked.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Processes that are kept running until this is dropped.
#[derive(Debug)]
pub struct Supervisor {
    shared: Arc<Shared>,
    watching: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    program: PathBuf,
    folder: PathBuf,
    recorder: Recorder,
    replicas: Mutex<BTreeMap<String, Replica>>,
}

#[derive(Debug)]
struct Replica {
    role: Role,
    arguments: Vec<String>,
    failpoints: String,
    child: Option<Child>,
    /// It has done all its work and ended.
    done: bool,
}

impl Supervisor {
    /// Runs processes of `program` in `folder`, where their logs go too.
    pub fn new(program: &Path, folder: &Path, recorder: Recorder) -> Self {
        let shared = Arc::new(Shared {
            program: program.to_owned(),
            folder: folder.to_owned(),
            recorder,
            replicas: Mutex::default(),
        });
        Self { watching: tokio::spawn(watch(shared.clone())), shared }
    }

    /// Starts one more process of a role and returns its name. What has happened by `failpoints` does not happen again when it
    /// is started again.
    pub fn start(&self, role: Role, arguments: Vec<String>, failpoints: &str) -> Result<String> {
        let mut replicas = self.shared.lock();
        let index = replicas.values().filter(|replica| replica.role == role).count();
        let who = format!("{role}-{index}");
        let failpoints = failpoints.to_owned();
        let mut replica = Replica { role, arguments, failpoints, child: None, done: false };
        self.shared.spawn(&who, &mut replica)?;
        replicas.insert(who.clone(), replica);
        Ok(who)
    }

    /// Kills a process, which is then started again; one that is being started is waited for. False: it has ended by itself,
    /// so there is nothing to kill.
    pub async fn kill(&self, who: &str) -> Result<bool> {
        loop {
            {
                let mut replicas = self.shared.lock();
                let replica =
                    replicas.get_mut(who).with_context(|| format!("there is no {who}"))?;
                if replica.runs() {
                    self.record("kill", who)?;
                    return replica.send(Signal::SIGKILL).map(|()| true);
                }
                if replica.done {
                    return Ok(false);
                }
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Whether every process runs that has not ended by itself.
    pub fn all_run(&self) -> bool {
        self.shared.lock().values_mut().all(|replica| replica.done || replica.runs())
    }

    /// Stops a process, which stays as it is.
    pub fn freeze(&self, who: &str) -> Result<()> {
        self.record("freeze", who)?;
        self.send(who, Signal::SIGSTOP)
    }

    /// Resumes it.
    pub fn thaw(&self, who: &str) -> Result<()> {
        self.record("thaw", who)?;
        self.send(who, Signal::SIGCONT)
    }

    /// Ends all processes of a role for good.
    pub fn take_down(&self, role: Role) -> Result<()> {
        let mut replicas = self.shared.lock();
        for replica in replicas.values_mut().filter(|replica| replica.role == role) {
            replica.done = true;
            end(replica);
        }
        drop(replicas);
        self.record("take down", &role.to_string())
    }

    /// Names of the processes of a role that have not ended by themselves.
    pub fn names(&self, role: Role) -> Vec<String> {
        let replicas = self.shared.lock();
        let of = replicas.iter().filter(|(_, replica)| replica.role == role && !replica.done);
        of.map(|(who, _)| who.clone()).collect()
    }

    /// Whether every process of a role has ended by itself.
    pub fn are_done(&self, role: Role) -> bool {
        self.shared.lock().values().all(|replica| replica.role != role || replica.done)
    }

    /// Lines of the logs with a panic.
    pub fn panics(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.shared.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
                let lines = text.lines().filter(|line| line.contains("panicked at"));
                found.extend(lines.map(|line| format!("{}: {line}", path.display())));
            }
        }
        Ok(found)
    }

    fn record(&self, what: &str, who: &str) -> Result<()> {
        let done = Entry::Done { what: what.to_owned(), who: who.to_owned(), at: now() };
        self.shared.recorder.add(&done)
    }

    fn send(&self, who: &str, signal: Signal) -> Result<()> {
        let replicas = self.shared.lock();
        replicas.get(who).with_context(|| format!("there is no {who}"))?.send(signal)
    }
}

impl Replica {
    fn runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    fn send(&self, signal: Signal) -> Result<()> {
        if let Some(child) = &self.child {
            kill(Pid::from_raw(i32::try_from(child.id())?), signal)?;
        }
        Ok(())
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.watching.abort();
        self.shared.lock().values_mut().for_each(end);
    }
}

fn end(replica: &mut Replica) {
    if let Some(mut child) = replica.child.take() {
        let _ = child.kill();
        let _ = child.wait();
    }
}

async fn watch(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        shared.look();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Replica>> {
        self.replicas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self) {
        for (who, replica) in self.lock().iter_mut() {
            if let Some(child) = &mut replica.child {
                let Ok(Some(status)) = child.try_wait() else { continue };
                let ended = Entry::Ended { who: who.clone(), how: status.to_string(), at: now() };
                let _ = self.recorder.add(&ended);
                replica.child = None;
                replica.done |= status.success();
            }
            if !replica.done {
                // One that cannot be started is tried again at the next look.
                let _ = self.spawn(who, replica);
            }
        }
    }

    fn spawn(&self, who: &str, replica: &mut Replica) -> Result<()> {
        let log = self.folder.join(format!("{who}.log"));
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        let child = Command::new(&self.program)
            .arg(replica.role.to_string())
            .args(["--who", who, "--failpoints", &replica.failpoints, "--history"])
            .arg(self.recorder.path())
            .args(&replica.arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {}", self.program.display()))?;
        let pid = child.id();
        replica.child = Some(child);
        self.recorder.add(&Entry::Started { who: who.to_owned(), pid, at: now() })
    }
}
