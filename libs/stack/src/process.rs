//! Knowing a process for certain, and ending it.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

/// What makes a process one of ours: its program's name, and a path of our folder among its
/// arguments. A pid alone proves nothing, since the kernel hands it out again.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The program's name as the kernel knows it (`/proc/<pid>/comm`).
    pub program: &'static str,
    /// A path that only this server has on its command line.
    pub mark: PathBuf,
}

impl Identity {
    /// Whether the process of that pid lives and is this server.
    pub fn is(&self, pid: u32) -> bool {
        let read = |file: &str| std::fs::read(Path::new("/proc").join(pid.to_string()).join(file));
        let (Ok(program), Ok(line)) = (read("comm"), read("cmdline")) else {
            return false;
        };
        program.trim_ascii_end() == self.program.as_bytes()
            && is_on(&line, self.mark.as_os_str().as_bytes())
    }

    /// The process that is this server, recorded or not. A starter that was killed before it
    /// could write the pid down leaves such a one, as does who deletes the record.
    pub fn search(&self) -> Option<u32> {
        processes().find(|pid| self.is(*pid))
    }

    /// A process of this program that works in that folder, whatever it calls itself: a child
    /// of the server, which may outlive it.
    pub fn working_in(&self, folder: &Path) -> Option<u32> {
        processes().find(|pid| {
            let process = Path::new("/proc").join(pid.to_string());
            let program = std::fs::read(process.join("comm")).unwrap_or_default();
            program.trim_ascii_end() == self.program.as_bytes()
                && std::fs::read_link(process.join("cwd")).is_ok_and(|found| found == folder)
        })
    }

    /// Ends this server: politely, then harder. Does nothing to a stranger who has the pid now.
    pub async fn end(&self, pid: u32, polite: &[Signal]) -> Result<()> {
        for signal in polite.iter().chain(&[Signal::SIGKILL]) {
            if !self.is(pid) {
                return Ok(());
            }
            send(pid, *signal)?;
            // A frozen process acts on nothing but SIGKILL until it is thawed.
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

/// Sends a signal; a process that is gone already is fine.
pub fn send(pid: u32, signal: Signal) -> Result<()> {
    match nix::sys::signal::kill(Pid::from_raw(i32::try_from(pid)?), signal) {
        Ok(()) | Err(nix::errno::Errno::ESRCH) => Ok(()),
        Err(error) => bail!("cannot send {signal} to pid {pid}: {error}"),
    }
}

/// Arguments end in zero bytes; Redis rewrites its own as one text, program first. A whole
/// argument has to match, since `/tmp/x` is also the end of `/var/tmp/x`.
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
    async fn a_stranger_with_the_recorded_pid_is_left_alone() {
        let mut stranger = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let identity = Identity { program: "nats-server", mark: "/nowhere/nats.conf".into() };
        identity.end(stranger.id(), &[Signal::SIGTERM]).await.unwrap();
        assert!(stranger.try_wait().unwrap().is_none());
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}
