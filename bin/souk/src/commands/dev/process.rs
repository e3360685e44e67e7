//! Starts, identifies and stops the processes of the mesh. They are identified by their command lines, because the kernel reuses pids.

use super::paths::Paths;
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

/// Longer than a process may take for a graceful shutdown.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// A process of this project's mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// The role that it serves, or `all`.
    pub role: String,
    /// Its executable; none if the file was replaced since it started, e.g. by a build.
    pub program: Option<PathBuf>,
    /// Its `SOUK_…` variables.
    pub settings: BTreeMap<String, String>,
}

/// All processes of this project's mesh.
pub fn running(paths: &Paths) -> Vec<Process> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut found: Vec<Process> = pids.filter_map(|pid| identify(pid, &paths.data())).collect();
    found.sort_by(|a, b| a.role.cmp(&b.role));
    found
}

/// Reads a process, if its command line is `souk serve <role> --data-dir <folder>` as in [`start`].
fn identify(pid: u32, data: &Path) -> Option<Process> {
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

/// Starts a daemon that serves a role. It has its own session, so closing the terminal does not end it, and it does not inherit our
/// standard output, so a reader of our output does not wait for it.
pub fn start(paths: &Paths, role: &str, settings: &BTreeMap<String, String>) -> Result<u32> {
    let log = paths.log(role);
    std::fs::create_dir_all(log.parent().unwrap_or(&log))?;
    // The previous log is kept, because it shows how the process ended.
    let _ = std::fs::rename(&log, log.with_extension("log.old"));
    let log = OpenOptions::new().create(true).append(true).open(log).context("open the log")?;
    let program = std::env::current_exe().context("find this program")?;
    let mut command = Command::new("setsid");
    command.arg(program).args(["serve", role, "--data-dir"]).arg(paths.data());
    command.current_dir(&paths.root).envs(settings);
    // Endpoints, databases and a configuration file that are set in the caller's shell belong to another mesh.
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
    // Wait for its exit status, so that it does not stay a zombie.
    std::thread::spawn(move || child.wait());
    Ok(pid)
}

/// Whether a process of the mesh with this pid runs, or is exiting.
pub fn alive(paths: &Paths, pid: u32) -> bool {
    identify(pid, &paths.data()).is_some() || is_ending(pid)
}

/// Whether a process is exiting: its command line is gone, but its ports may still be open until it is a zombie or gone.
fn is_ending(pid: u32) -> bool {
    let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).ok();
    let stat = read("stat").unwrap_or_default();
    // The program's name is in parentheses and may itself contain parentheses.
    let end = stat.iter().rposition(|byte| *byte == b')').unwrap_or_default();
    let zombie = matches!(stat.get(end + 2), None | Some(b'Z' | b'X'));
    !zombie && read("cmdline").is_some_and(|line| line.is_empty())
}

/// Stops processes by SIGTERM, and by SIGKILL those that do not end in time.
pub async fn end(paths: &Paths, processes: &[Process]) -> Result<()> {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        for process in processes.iter().filter(|process| alive(paths, process.pid)) {
            send(process.pid, signal)?;
            // A stopped process handles no signal but SIGKILL until it is continued.
            send(process.pid, Signal::SIGCONT)?;
        }
        let until = Instant::now() + STOP_TIMEOUT;
        while processes.iter().any(|process| alive(paths, process.pid)) {
            if until < Instant::now() {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
    match processes.iter().find(|process| alive(paths, process.pid)) {
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
        // A unique folder, so that leftovers of earlier runs are not found.
        let folder = std::env::temp_dir().join(format!("souk-process-{}", uuid::Uuid::now_v7()));
        let paths = |name: &str| Paths { root: folder.join(name) };
        let (ours, others) = (paths("ours"), paths("others"));
        std::fs::create_dir_all(&folder).unwrap();
        // `read` is a builtin of the shell; between fork and exec a child process would have the same command line.
        std::fs::write(folder.join("serve"), "read line").unwrap();
        let mut child = Command::new("sh")
            .args(["serve", "all", "--data-dir"])
            .arg(ours.data())
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = child.id();
        // The child ends when this is dropped; `wait` would close it.
        let _input = child.stdin.take();
        // Between fork and exec a process has another command line, or none.
        let until = Instant::now() + STOP_TIMEOUT;
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
        assert!(child.try_wait().unwrap().is_none(), "a process of another mesh was ended");
        std::thread::spawn(move || child.wait());
        end(&ours, &found).await.unwrap();
        assert!(!alive(&ours, pid));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
