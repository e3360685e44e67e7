//! The progress of a replay, in memory and in the operation's row.

use crate::consumers::context::Consumers;
use crate::consumers::outage;
use crate::consumers::replay_one::Replayed;
use crate::consumers::settings::SHUTDOWN_GRACE;
use crate::dead::DeadLetter;
use contracts::operations::v1::{ReplayFailure, ReplayOrder, ReplayReport};
use fault::{Fault, point};
use pg::Tx;
use pg::operations::{self, Operation, Progress};
use prost::Message;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::MutexGuard;
use tokio_util::sync::CancellationToken;

/// Between two checkpoints, which also renew the lease.
const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(900);

/// Most failures that a report names.
const MAX_NAMED_FAILURES: usize = 100;

/// Most characters of a failure's message: the report is written each second.
const MAX_MESSAGE_CHARS: usize = 500;

/// A replay: its request and its progress.
pub(super) struct Replay<'a> {
    pub consumers: &'a Consumers,
    operation: Operation,
    state: Mutex<State>,
    /// Locked while the row is written, so that an older checkpoint never overwrites a newer one.
    writing: tokio::sync::Mutex<()>,
    /// Locked while a dead letter is replayed.
    current: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct State {
    order: ReplayOrder,
    total: i64,
    message: &'static str,
}

impl<'a> Replay<'a> {
    pub fn new(consumers: &'a Consumers, operation: Operation, order: ReplayOrder) -> Self {
        let state = State { order, total: operation.total, message: "" };
        let (writing, current) = (tokio::sync::Mutex::default(), tokio::sync::Mutex::default());
        Self { consumers, operation, state: Mutex::new(state), writing, current }
    }

    /// The request, and how much of it is done.
    pub fn order(&self) -> ReplayOrder {
        self.state().order.clone()
    }

    /// How many dead letters there are in all; 0: not counted yet.
    pub fn total(&self) -> i64 {
        self.state().total
    }

    pub fn set_total(&self, total: i64) {
        self.state().total = total;
    }

    /// Changes the request; the next checkpoint stores the change.
    pub fn change(&self, change: impl FnOnce(&mut ReplayOrder)) {
        change(&mut self.state().order);
    }

    pub fn set_message(&self, message: &'static str) {
        self.state().message = message;
    }

    /// Begins a dead letter, which ends when the guard is dropped.
    pub async fn begin(&self) -> MutexGuard<'_, ()> {
        self.current.lock().await
    }

    /// Returns when `stop` is cancelled and the current dead letter has ended, and no other begins; or when that takes too long,
    /// during an outage for example.
    pub async fn stopped(&self, stop: &CancellationToken) -> Option<MutexGuard<'_, ()>> {
        stop.cancelled().await;
        tokio::time::timeout(SHUTDOWN_GRACE, self.current.lock()).await.ok()
    }

    /// A dead letter was replayed, or failed.
    pub fn done(&self, dead_letter: &DeadLetter, result: Result<Replayed, Fault>) {
        let failure =
            result.as_ref().err().map(|fault| failure(dead_letter, fault.reason(), &fault.chain()));
        self.change(|order| {
            order.done = position(dead_letter.sequence);
            let report = order.report.get_or_insert_default();
            match result {
                Ok(Replayed::Applied) => report.applied += 1,
                Ok(Replayed::Kept) => report.kept += 1,
                Ok(Replayed::Duplicate) => report.duplicates += 1,
                Ok(Replayed::Ignored) => report.ignored += 1,
                Err(_) => {}
            }
            failure.into_iter().for_each(|failure| add_failure(report, failure));
        });
    }

    /// A dead letter is not tried in this replay.
    pub fn skipped(&self, dead_letter: &DeadLetter, reason: &str, message: &str) {
        let failure = failure(dead_letter, reason, message);
        self.change(|order| {
            order.done = position(dead_letter.sequence);
            add_failure(order.report.get_or_insert_default(), failure);
        });
    }

    /// Stores the progress; false: another process has taken the operation up.
    pub async fn checkpoint(&self) -> Result<bool, Fault> {
        let _writing = self.writing.lock().await;
        let progress = &self.progress();
        let operation = &self.operation;
        let store = async |tx: &mut Tx| operations::checkpoint(tx, operation, progress).await;
        let is_leased = self.consumers.db.write("bus.checkpoint_replay", store).await?;
        point::reached("replay.checkpointed").await?;
        Ok(is_leased)
    }

    /// Stores the progress, and waits for the database to do so. If another process has taken the operation up,
    /// [`Replay::renew_lease`] ends this replay.
    pub async fn checkpoint_or_wait(&self) {
        while self.checkpoint().await.is_err() {
            outage::wait(self.consumers, &CancellationToken::new()).await;
        }
    }

    /// Stores the progress each second; returns when another process has taken the operation up. An outage of the database is no
    /// reason to stop: no process can take it up then.
    pub async fn renew_lease(&self) {
        loop {
            match self.checkpoint().await {
                Ok(true) => {}
                Ok(false) => return,
                Err(fault) => {
                    tracing::info!("could not store the progress of a replay: {}", fault.chain())
                }
            }
            tokio::time::sleep(CHECKPOINT_INTERVAL).await;
        }
    }

    /// Ends the operation with its report, once the database is available.
    pub async fn succeed(&self, stop: &CancellationToken) {
        let (progress, report) = (&self.progress(), &self.order().report.unwrap_or_default());
        let operation = &self.operation;
        loop {
            let end = self.consumers.db.write("bus.end_replay", async move |tx| {
                if operations::checkpoint(tx, operation, progress).await? {
                    operations::succeed(tx, operation.id, Some(report)).await?;
                }
                Ok(())
            });
            let ended = async {
                point::reached("replay.end").await?;
                end.await?;
                point::reached("replay.ended").await
            };
            let Err(fault) = ended.await else { break };
            tracing::info!("could not end a replay: {}", fault.chain());
            if !outage::wait(self.consumers, stop).await {
                return;
            }
        }
        let ReplayReport { applied, kept, duplicates, ignored, failed, .. } = report;
        let service = self.consumers.service();
        tracing::info!(
            service, id = %operation.id, applied, kept, duplicates, ignored, failed,
            "dead letters are replayed"
        );
    }

    /// Leaves the rest to another process. `trying` is reset first: else that process would count the current dead letter as one
    /// that killed this process.
    pub async fn give_back(&self) {
        self.change(|order| order.trying = 0);
        let _writing = self.writing.lock().await;
        let (operation, progress) = (&self.operation, &self.progress());
        let given = self.consumers.db.write("bus.give_replay_back", async move |tx| {
            operations::checkpoint(tx, operation, progress).await?;
            operations::release(tx, operation).await
        });
        // A process that ends does not wait for its database; the lease ends by itself.
        let _ = tokio::time::timeout(SHUTDOWN_GRACE, given).await;
    }

    fn progress(&self) -> Progress {
        let State { order, total, message } = self.state().clone();
        let report = order.report.clone().unwrap_or_default();
        Progress {
            done: report.applied + report.kept + report.duplicates + report.ignored + report.failed,
            total,
            message: message.to_owned(),
            request: Some(order.encode_to_vec()),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Positions are unsigned at the broker and signed everywhere else.
pub(super) fn position(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

fn failure(dead_letter: &DeadLetter, reason: &str, message: &str) -> ReplayFailure {
    ReplayFailure {
        consumer: dead_letter.consumer.clone(),
        event_id: dead_letter.event_id.clone(),
        reason: reason.to_owned(),
        message: message.chars().take(MAX_MESSAGE_CHARS).collect(),
    }
}

fn add_failure(report: &mut ReplayReport, failure: ReplayFailure) {
    metrics::counter!(
        "dead_letters_replay_failures_total",
        "consumer" => failure.consumer.clone(), "reason" => failure.reason.clone(),
    )
    .increment(1);
    report.failed += 1;
    if report.failures.len() < MAX_NAMED_FAILURES {
        report.failures.push(failure);
    }
}
