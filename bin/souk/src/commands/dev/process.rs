//! Processes of the mesh: started as daemons, known for certain, and ended. A pid alone proves nothing, since the kernel hands it out
//! again.

use super::places::Places;
use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Longer than a process may take to drain.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process of this project's mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// The role that it serves, or `all`.
    pub role: String,
    /// The program that it runs; none where that was replaced since, as a build does.
    pub program: Option<PathBuf>,
    /// What it was told.
    pub settings: BTreeMap<String, String>,
}

/// Every process of this project's mesh, recorded or not.
pub fn running(places: &Places) -> Vec<Process> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut found: Vec<Process> = pids.filter_map(|pid| look(pid, &places.data())).collect();
    found.sort_by(|a, b| a.role.cmp(&b.role));
    found
}

/// `souk serve <role> --data-dir <folder>`, as [`start`] calls it.
fn look(pid: u32, data: &Path) -> Option<Process> {
    let of_process = Path::new("/proc").join(pid.to_string());
    let line = std::fs::read(of_process.join("cmdline")).ok()?;
    let mut arguments = line.split(|byte| *byte == 0).skip(1);
    let role = match (arguments.next()?, arguments.next()?) {
        (b"serve", role) => String::from_utf8_lossy(role).into_owned(),
        _ => return None,
    };
    let marked = (arguments.next()?, arguments.next()?);
    if marked != (b"--data-dir", data.as_os_str().as_bytes()) {
        return None;
    }
    let program = std::fs::read_link(of_process.join("exe")).ok();
    let environment = std::fs::read(of_process.join("environ")).unwrap_or_default();
    let variables = environment.split(|byte| *byte == 0).filter_map(|line| {
        let (name, value) = std::str::from_utf8(line).ok()?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    Some(Process {
        pid,
        role,
        program: program.filter(|program| program.exists()),
        settings: variables.filter(|(name, _)| name.starts_with("SOUK_")).collect(),
    })
}

/// Starts a daemon that serves a role: in a session of its own, so no terminal's end reaches it, and holding none of our files, so
/// nobody waits for it who reads our output.
pub fn start(places: &Places, role: &str, settings: &BTreeMap<String, String>) -> Result<u32> {
    let log = places.log(role);
    std::fs::create_dir_all(log.parent().unwrap_or(&log))?;
    // The log before it stays beside it, since it tells how the process ended.
    let _ = std::fs::rename(&log, log.with_extension("log.old"));
    let log = OpenOptions::new().create(true).append(true).open(log).context("open the log")?;
    let program = std::env::current_exe().context("find this program")?;
    let mut command = Command::new("setsid");
    command.arg(program).args(["serve", role, "--data-dir"]).arg(places.data());
    command.current_dir(&places.root).envs(settings);
    // An endpoint or a file of settings that the caller's shell names is for another mesh.
    for (name, _) in std::env::vars_os() {
        let named = name.to_str().is_some_and(|name| {
            name == "SOUK_CONFIG"
                || name.starts_with("SOUK_ENDPOINT_")
                || name.starts_with("SOUK_DATABASE_")
        });
        if named && !settings.contains_key(name.to_str().unwrap_or_default()) {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let mut child = command.spawn().with_context(|| format!("start {role} by setsid"))?;
    let pid = child.id();
    // Its parent has to collect its exit status, else the dead one keeps its pid.
    std::thread::spawn(move || child.wait());
    Ok(pid)
}

/// Whether it still runs and is the same, or is about to end.
pub fn alive(places: &Places, pid: u32) -> bool {
    look(pid, &places.data()).is_some() || is_ending(pid)
}

/// The kernel takes the command line away first and closes the ports a moment later; then the process is a zombie, or gone.
fn is_ending(pid: u32) -> bool {
    let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).ok();
    let stat = read("stat").unwrap_or_default();
    // The program's name stands in brackets and may hold anything, brackets too.
    let end = stat.iter().rposition(|byte| *byte == b')').unwrap_or_default();
    let zombie = matches!(stat.get(end + 2), None | Some(b'Z' | b'X'));
    !zombie && read("cmdline").is_some_and(|line| line.is_empty())
}

/// Ends processes: politely, then by force.
pub async fn end(places: &Places, processes: &[Process]) -> Result<()> {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        for process in processes.iter().filter(|process| alive(places, process.pid)) {
            send(process.pid, signal)?;
            // A frozen process acts on nothing but SIGKILL until it is thawed.
            send(process.pid, Signal::SIGCONT)?;
        }
        let until = Instant::now() + PATIENCE;
        while processes.iter().any(|process| alive(places, process.pid)) {
            if until < Instant::now() {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
    match processes.iter().find(|process| alive(places, process.pid)) {
        None => Ok(()),
        Some(stuck) => {
            bail!("{} (pid {}) does not end, not even by SIGKILL", stuck.role, stuck.pid)
        }
    }
}

fn send(pid: u32, signal: Signal) -> Result<()> {
    match kill(Pid::from_raw(i32::try_from(pid)?), signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => bail!("cannot send {signal} to pid {pid}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_processes_that_serve_from_this_folder_are_ours() {
        // A folder of this run's own: what a run before it left behind must not be found.
        let folder = std::env::temp_dir().join(format!("souk-process-{}", uuid::Uuid::now_v7()));
        let places = |name: &str| Places { root: folder.join(name) };
        let (ours, others) = (places("ours"), places("others"));
        std::fs::create_dir_all(&folder).unwrap();
        // It waits without a child, which would have its command line until it has one of its own.
        std::fs::write(folder.join("serve"), "read line").unwrap();
        let mut child = Command::new("sh")
            .args(["serve", "all", "--data-dir"])
            .arg(ours.data())
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = child.id();
        // As long as it is open the child waits, whoever waits for the child.
        let _input = child.stdin.take();
        // Between fork and exec a process has another command line, or none.
        let until = Instant::now() + PATIENCE;
        let mut found = running(&ours);
        while found.is_empty() && Instant::now() < until {
            sleep(Duration::from_millis(10)).await;
            found = running(&ours);
        }
        assert_eq!(
            found.iter().map(|own| (own.pid, own.role.as_str())).collect::<Vec<_>>(),
            [(pid, "all")]
        );
        assert_eq!(running(&others), []);
        end(&others, &found).await.unwrap();
        assert!(child.try_wait().unwrap().is_none(), "a stranger was ended");
        std::thread::spawn(move || child.wait());
        end(&ours, &found).await.unwrap();
        assert!(!alive(&ours, pid));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
