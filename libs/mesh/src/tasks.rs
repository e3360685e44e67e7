//! Background work that outlives a call: timers, consumers, the relay. A task that is spawned by `tokio::spawn` and never awaited
//! fails unnoticed and is cut off when the process ends; here a failure stops the process, and a shutdown waits for the tasks.

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
    /// Cancelled when the tasks are to end.
    end: CancellationToken,
    /// Cancelled when the process is to shut down.
    stop: CancellationToken,
    died: OnceLock<String>,
}

impl Tasks {
    /// Tasks whose failure cancels `stop`, so that the process shuts down gracefully instead of running on without one of its tasks.
    pub fn new(stop: CancellationToken) -> Self {
        Self(Arc::new(Inner { stop, ..Inner::default() }))
    }

    /// Runs work that may end at any time. A panic in it fails the task, which stops the process. [`Tasks::ending`] does not cancel it:
    /// a shutdown waits for it, for a limited time.
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

    /// Runs work that must go on until [`Tasks::ending`] or [`Tasks::stop`] is cancelled. If it ends earlier, that stops the process
    /// like a panic does.
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

    /// Cancelled when tasks are to finish their current work and end.
    pub fn ending(&self) -> CancellationToken {
        self.0.end.clone()
    }

    /// Cancelled when the process is to shut down.
    pub fn stop(&self) -> CancellationToken {
        self.0.stop.clone()
    }

    pub(crate) fn died(&self, name: &'static str, why: String) {
        tracing::error!(task = name, "task died, so the process ends: {why}");
        metrics::counter!("tasks_died_total", "task" => name).increment(1);
        let _ = self.0.died.set(format!("{name}: {why}"));
        self.0.stop.cancel();
    }

    /// The task whose failure stopped the process, and why; none if no task failed.
    pub(crate) fn failed_task(&self) -> Option<String> {
        self.0.died.get().cloned()
    }

    /// Signals all tasks to end and waits for them; false if some were still running after `limit`.
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
    async fn a_panic_and_a_task_that_ends_early_stop_the_process() {
        for panics in [true, false] {
            let tasks = Tasks::new(CancellationToken::new());
            tasks.keep("sweep", async move { assert!(!panics, "the sweep broke") });
            tasks.stop().cancelled().await;
            let cause = tasks.failed_task().unwrap();
            let why = if panics { "the sweep broke" } else { "ended by itself" };
            assert!(cause.starts_with("sweep") && cause.contains(why), "{cause}");
            assert!(!tasks.ending().is_cancelled(), "the others first let the calls end");
        }
    }

    #[tokio::test]
    async fn tasks_that_end_at_a_shutdown_do_not_count_as_failed() {
        let tasks = Tasks::default();
        let ending = tasks.ending();
        tasks.keep("relay", async move { ending.cancelled().await });
        tasks.spawn("greeting", async {});
        assert!(tasks.end(Duration::from_secs(5)).await);
        assert_eq!(tasks.failed_task(), None);
    }

    #[tokio::test]
    async fn a_task_that_ignores_the_shutdown_is_not_waited_for() {
        let tasks = Tasks::default();
        tasks.keep("stuck", std::future::pending());
        assert!(!tasks.end(Duration::from_millis(10)).await);
    }
}
