//! What a replay has come to, here and in the operation's row.

use super::super::{Consumers, ENDING, Replayed, outage};
use crate::dead::Letter;
use contracts::operations::v1::{ReplayFailure, ReplayOrder, ReplayReport};
use fault::{Fault, point};
use pg::Tx;
use pg::operations::{self, Far, Operation};
use prost::Message;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::MutexGuard;
use tokio_util::sync::CancellationToken;

/// Between two notes; it also keeps the lease.
const NOTE: Duration = Duration::from_millis(900);

/// Failures that a report names.
const NAMED: usize = 100;

/// Characters of a failure's message: the report is written each second.
const MESSAGE: usize = 500;

/// What a replay is to do, and what it has come to.
pub(super) struct Kept<'a> {
    pub consumers: &'a Consumers,
    operation: Operation,
    now: Mutex<Now>,
    /// One at a time writes the row, so that an older note never comes after a younger one.
    writing: tokio::sync::Mutex<()>,
    /// Held while a letter is dealt with.
    letter: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Now {
    order: ReplayOrder,
    total: i64,
    doing: &'static str,
}

impl<'a> Kept<'a> {
    pub fn new(consumers: &'a Consumers, operation: Operation, order: ReplayOrder) -> Self {
        let now = Now { order, total: operation.total, doing: "" };
        let (writing, letter) = (tokio::sync::Mutex::default(), tokio::sync::Mutex::default());
        Self { consumers, operation, now: Mutex::new(now), writing, letter }
    }

    /// The order as it stands.
    pub fn order(&self) -> ReplayOrder {
        self.now().order.clone()
    }

    /// How many letters there are in all; 0: not counted yet.
    pub fn total(&self) -> i64 {
        self.now().total
    }

    pub fn counted(&self, total: i64) {
        self.now().total = total;
    }

    /// Changes the order; what is changed is noted within a second.
    pub fn change(&self, change: impl FnOnce(&mut ReplayOrder)) {
        change(&mut self.now().order);
    }

    pub fn doing(&self, doing: &'static str) {
        self.now().doing = doing;
    }

    /// Begins a letter, which ends when the guard is dropped.
    pub async fn begin(&self) -> MutexGuard<'_, ()> {
        self.letter.lock().await
    }

    /// Returns when `stop` is cancelled and the letter that was begun has ended, and no other begins; or when that letter
    /// takes too long, say for an outage.
    pub async fn stopped(&self, stop: &CancellationToken) -> Option<MutexGuard<'_, ()>> {
        stop.cancelled().await;
        tokio::time::timeout(ENDING, self.letter.lock()).await.ok()
    }

    /// A letter was dealt with.
    pub fn dealt_with(&self, letter: &Letter, result: Result<Replayed, Fault>) {
        let failure =
            result.as_ref().err().map(|fault| failure(letter, fault.reason(), &fault.chain()));
        self.change(|order| {
            order.done = position(letter.sequence);
            let report = order.report.get_or_insert_default();
            match result {
                Ok(Replayed::Applied) => report.applied += 1,
                Ok(Replayed::Kept) => report.kept += 1,
                Ok(Replayed::Duplicate) => report.duplicates += 1,
                Ok(Replayed::Ignored) => report.ignored += 1,
                Err(_) => {}
            }
            failure.into_iter().for_each(|failure| failed(report, failure));
        });
    }

    /// Nobody has dealt with a letter, and nobody will in this replay.
    pub fn given_up(&self, letter: &Letter, reason: &str, message: &str) {
        let failure = failure(letter, reason, message);
        self.change(|order| {
            order.done = position(letter.sequence);
            failed(order.report.get_or_insert_default(), failure);
        });
    }

    /// Notes it; false: another process has taken the operation up.
    pub async fn note(&self) -> Result<bool, Fault> {
        let _writing = self.writing.lock().await;
        let far = &self.far();
        let operation = &self.operation;
        let noted = async |tx: &mut Tx| operations::get_on(tx, operation, far).await;
        let is_ours = self.consumers.db.write("bus.note_replay", noted).await?;
        point::reached("replay.noted").await?;
        Ok(is_ours)
    }

    /// Notes it, and waits for the database to do so. Another process that has taken the operation up ends this one from
    /// outside, by [`Kept::keep_on`].
    pub async fn note_surely(&self) {
        while self.note().await.is_err() {
            outage::wait(self.consumers, &CancellationToken::new()).await;
        }
    }

    /// Notes it each second; returns when another process has taken the operation up. A database that is away is no reason
    /// to stop: then nobody can take it up.
    pub async fn keep_on(&self) {
        loop {
            match self.note().await {
                Ok(true) => {}
                Ok(false) => return,
                Err(fault) => tracing::info!("could not note a replay: {}", fault.chain()),
            }
            tokio::time::sleep(NOTE).await;
        }
    }

    /// Ends the operation with its report, once the database is there.
    pub async fn succeed(&self, stop: &CancellationToken) {
        let (far, report) = (&self.far(), &self.order().report.unwrap_or_default());
        let operation = &self.operation;
        loop {
            let end = self.consumers.db.write("bus.end_replay", async move |tx| {
                if operations::get_on(tx, operation, far).await? {
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

    /// Leaves the rest to another process, which would take a letter that is not noted as given back for one that has killed us.
    pub async fn give_back(&self) {
        self.change(|order| order.trying = 0);
        let _writing = self.writing.lock().await;
        let (operation, far) = (&self.operation, &self.far());
        let given = self.consumers.db.write("bus.give_replay_back", async move |tx| {
            operations::get_on(tx, operation, far).await?;
            operations::release(tx, operation).await
        });
        // A process that ends does not wait for its database; the lease ends by itself.
        let _ = tokio::time::timeout(ENDING, given).await;
    }

    fn far(&self) -> Far {
        let Now { order, total, doing } = self.now().clone();
        let report = order.report.clone().unwrap_or_default();
        Far {
            done: report.applied + report.kept + report.duplicates + report.ignored + report.failed,
            total,
            doing: doing.to_owned(),
            request: Some(order.encode_to_vec()),
        }
    }

    fn now(&self) -> std::sync::MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Positions are unsigned at the broker and signed everywhere else.
pub(super) fn position(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

fn failure(letter: &Letter, reason: &str, message: &str) -> ReplayFailure {
    ReplayFailure {
        consumer: letter.consumer.clone(),
        event_id: letter.letter_id.clone(),
        reason: reason.to_owned(),
        message: message.chars().take(MESSAGE).collect(),
    }
}

fn failed(report: &mut ReplayReport, failure: ReplayFailure) {
    metrics::counter!(
        "dead_letters_replay_failures_total",
        "consumer" => failure.consumer.clone(), "reason" => failure.reason.clone(),
    )
    .increment(1);
    report.failed += 1;
    if report.failures.len() < NAMED {
        report.failures.push(failure);
    }
}
