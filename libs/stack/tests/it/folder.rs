//! Folders that are removed after a test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::Signal;
use stack::Stack;

/// A folder of one test; when it is dropped, its servers are ended and it is removed.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(PathBuf::from(format!("/var/tmp/souk-test-stack-{}-{n}", std::process::id())))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let folder = self.0.clone();
        // On a thread with its own runtime, because drop may run inside the runtime of a test.
        let removed = std::thread::spawn(move || {
            tokio::runtime::Runtime::new().unwrap().block_on(Stack::remove(&folder)).unwrap();
        });
        removed.join().unwrap();
    }
}

/// Whether a process with this pid runs; a zombie does not.
pub fn runs(pid: u32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

/// Sends a signal to an existing process.
pub fn signal(pid: u32, signal: Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), signal).unwrap();
}

/// Kills a process with SIGKILL, and waits until it has ended.
pub async fn kill(pid: u32) {
    signal(pid, Signal::SIGKILL);
    while runs(pid) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
