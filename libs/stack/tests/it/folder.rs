//! Folders that clean up after themselves.

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
        // A runtime of its own on a thread of its own: drop may run inside a test's runtime.
        let removed = std::thread::spawn(move || {
            tokio::runtime::Runtime::new().unwrap().block_on(Stack::remove(&folder)).unwrap();
        });
        removed.join().unwrap();
    }
}

/// Whether a process of that pid runs; one that waits for its parent does not.
pub fn runs(pid: u32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

/// Sends a signal to a process that must be there.
pub fn signal(pid: u32, signal: Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), signal).unwrap();
}

/// Kills a process as a crash does, and waits until it is gone.
pub async fn kill(pid: u32) {
    signal(pid, Signal::SIGKILL);
    while runs(pid) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
