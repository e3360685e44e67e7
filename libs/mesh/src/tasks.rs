//! Work that outlives a call: timers, consumers, the relay. `tokio::spawn` is banned elsewhere, because a task that nobody holds dies
//! unnoticed and is cut off when the process ends.

use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tasks of a process. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Tasks(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    tracker: TaskTracker,
    /// Asks the tasks to end.
    end: CancellationToken,
    /// Ends the process.
    stop: CancellationToken,
    died: OnceLock<String>,
}

impl Tasks {
    /// Tasks whose death cancels `stop`, so that the process ends in order instead of running on without one of its timers.
    pub fn new(stop: CancellationToken) -> Self {
        Self(Arc::new(Inner { stop, ..Inner::default() }))
    }

    /// Runs work that comes to an end by itself.
    pub fn spawn<F>(&self, name: &'static str, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let tasks = self.clone();
        self.0.tracker.spawn(async move {
            if let Err(panic) = crate::panics::caught(work).await {
                tasks.died(name, panic);
            }
        });
    }

    /// Runs work that goes on until [`Tasks::ending`] or [`Tasks::stop`]; that it ends earlier is as bad as a panic.
    pub fn keep<F>(&self, name: &'static str, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let tasks = self.clone();
        self.spawn(name, async move {
            work.await;
            if !tasks.0.stop.is_cancelled() && !tasks.0.end.is_cancelled() {
                tasks.died(name, "ended by itself".to_owned());
            }
        });
    }

    /// Cancelled when tasks are to finish what they are at and end.
    pub fn ending(&self) -> CancellationToken {
        self.0.end.clone()
    }

    /// Cancelled when the process is to end.
    pub fn stop(&self) -> CancellationToken {
        self.0.stop.clone()
    }

    pub(crate) fn died(&self, name: &'static str, why: String) {
        tracing::error!(task = name, "task died, so the process ends: {why}");
        metrics::counter!("tasks_died_total", "task" => name).increment(1);
        let _ = self.0.died.set(format!("{name}: {why}"));
        self.0.stop.cancel();
    }

    /// The task that took the process down, if one did.
    pub(crate) fn cause_of_death(&self) -> Option<String> {
        self.0.died.get().cloned()
    }

    /// Asks all tasks to end and waits for them; false if some were still at it after `limit`.
    pub(crate) async fn end(&self, limit: Duration) -> bool {
        self.0.end.cancel();
        self.0.tracker.close();
        tokio::time::timeout(limit, self.0.tracker.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_and_a_timer_that_ends_take_the_process_down() {
        for panics in [true, false] {
            let tasks = Tasks::new(CancellationToken::new());
            tasks.keep("sweep", async move { assert!(!panics, "the sweep broke") });
            tasks.stop().cancelled().await;
            let cause = tasks.cause_of_death().unwrap();
            let why = if panics { "the sweep broke" } else { "ended by itself" };
            assert!(cause.starts_with("sweep") && cause.contains(why), "{cause}");
            assert!(!tasks.ending().is_cancelled(), "the others first let the calls end");
        }
    }

    #[tokio::test]
    async fn tasks_end_when_asked_and_that_is_no_death() {
        let tasks = Tasks::default();
        let ending = tasks.ending();
        tasks.keep("relay", async move { ending.cancelled().await });
        tasks.spawn("greeting", async {});
        assert!(tasks.end(Duration::from_secs(5)).await);
        assert_eq!(tasks.cause_of_death(), None);
    }

    #[tokio::test]
    async fn a_task_that_does_not_listen_is_not_waited_for() {
        let tasks = Tasks::default();
        tasks.keep("deaf", std::future::pending());
        assert!(!tasks.end(Duration::from_millis(10)).await);
    }
}
