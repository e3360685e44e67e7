//! Identifies and ends processes of servers.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

/// Identifies the process of a server by its program's name and a path on its command line. The pid
/// alone is not enough, because the kernel reuses pids.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The program's name as in `/proc/<pid>/comm`.
    pub program: &'static str,
    /// A path that only this server has on its command line.
    pub mark: PathBuf,
}

impl Identity {
    /// Whether the process with this pid runs and is this server.
    pub fn is(&self, pid: u32) -> bool {
        let read = |file: &str| std::fs::read(Path::new("/proc").join(pid.to_string()).join(file));
        let (Ok(program), Ok(line)) = (read("comm"), read("cmdline")) else {
            return false;
        };
        program.trim_ascii_end() == self.program.as_bytes()
            && is_on(&line, self.mark.as_os_str().as_bytes())
    }

    /// Finds the process of this server even if its pid is not recorded, e.g. because the record was
    /// deleted, or the process that started it was killed before it recorded the pid.
    pub fn search(&self) -> Option<u32> {
        processes().find(|pid| self.is(*pid))
    }

    /// A process of this program whose working directory is `folder`, with any command line: a child
    /// process of the server, which may outlive it.
    pub fn working_in(&self, folder: &Path) -> Option<u32> {
        processes().find(|pid| {
            let process = Path::new("/proc").join(pid.to_string());
            let program = std::fs::read(process.join("comm")).unwrap_or_default();
            program.trim_ascii_end() == self.program.as_bytes()
                && std::fs::read_link(process.join("cwd")).is_ok_and(|found| found == folder)
        })
    }

    /// Ends this server with these signals, then with SIGKILL. Does nothing if the pid now belongs to
    /// another process.
    pub async fn end(&self, pid: u32, signals: &[Signal]) -> Result<()> {
        for signal in signals.iter().chain(&[Signal::SIGKILL]) {
            if !self.is(pid) {
                return Ok(());
            }
            send(pid, *signal)?;
            // A stopped process handles no signal but SIGKILL until it is continued.
            send(pid, Signal::SIGCONT)?;
            let until = Instant::now() + Duration::from_secs(20);
            while self.is(pid) && Instant::now() < until {
                sleep(Duration::from_millis(10)).await;
            }
        }
        if self.is(pid) {
            bail!("{} (pid {pid}) does not end, not even by SIGKILL", self.program);
        }
        Ok(())
    }
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Sends a signal; it is no error if the process has ended.
pub fn send(pid: u32, signal: Signal) -> Result<()> {
    match nix::sys::signal::kill(Pid::from_raw(i32::try_from(pid)?), signal) {
        Ok(()) | Err(nix::errno::Errno::ESRCH) => Ok(()),
        Err(error) => bail!("cannot send {signal} to pid {pid}: {error}"),
    }
}

/// Arguments are separated by zero bytes, but Redis rewrites its command line as one text that begins
/// with the program. The match must start at the start of an argument, because `/var/tmp/x` also ends
/// in `/tmp/x`.
fn is_on(line: &[u8], mark: &[u8]) -> bool {
    line.split(|byte| *byte == 0).any(|argument| {
        argument.strip_prefix(mark).is_some_and(|rest| rest.is_empty() || rest.starts_with(b" "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_a_whole_argument_or_the_first_word_of_one() {
        let mark = b"/tmp/x/redis-server";
        assert!(is_on(b"/tmp/x/redis-server 127.0.0.1:6379\0\0\0", mark));
        assert!(is_on(b"postgres\0-D\0/tmp/x/redis-server\0", mark));
        assert!(!is_on(b"/var/tmp/x/redis-server 127.0.0.1:6379\0", mark));
        assert!(!is_on(b"/tmp/x/redis-server2\0", mark));
        assert!(!is_on(b"", mark));
    }

    #[tokio::test]
    async fn another_process_with_the_recorded_pid_is_not_ended() {
        let mut other = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let identity = Identity { program: "nats-server", mark: "/nowhere/nats.conf".into() };
        identity.end(other.id(), &[Signal::SIGTERM]).await.unwrap();
        assert!(other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
