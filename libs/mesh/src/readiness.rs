//! Whether this process can work. Each service names what it needs; the checks run in the background, and health, the admin port and
//! the metrics all show the same last outcome, so a probe costs nothing and cannot overload a failing dependency.

use crate::check::Check;
use crate::service::Service;
use crate::tasks::Tasks;
use futures::future::join_all;
use serde::Serialize;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Interval of the checks while the process is ready.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Interval of the checks while the process is not ready: shorter, so that a start is noticed early.
const NOT_READY_CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// A dependency that takes longer than this to answer counts as unavailable.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// Consecutive failures after which a check fails: one lost answer must not make every replica unready at once.
const FAILURE_THRESHOLD: u32 = 2;

/// The state of this process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The overall status.
    pub status: Status,
    /// True once the process is ending.
    pub draining: bool,
    /// Each service that it serves.
    pub services: Vec<ServiceReport>,
}

/// The status of a process or a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Every check succeeded.
    Ready,
    /// It works, but a soft dependency is unavailable.
    Degraded,
    /// A hard dependency is unavailable, or it is shutting down.
    NotReady,
}

/// The state of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceReport {
    /// Its name.
    pub name: &'static str,
    /// The overall status.
    pub status: Status,
    /// Each thing that it needs.
    pub checks: Vec<CheckReport>,
    #[serde(skip)]
    pub(crate) grpc: Vec<&'static str>,
}

/// The last outcome of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Its name.
    pub name: &'static str,
    /// Whether the service cannot work without it.
    pub hard: bool,
    /// Whether it is available.
    pub ok: bool,
    /// Why not.
    pub error: Option<String>,
    /// How long the last answer took.
    pub millis: u128,
    #[serde(skip)]
    failures: u32,
}

impl Report {
    /// Whether it is ready for calls.
    pub fn is_ready(&self) -> bool {
        self.status != Status::NotReady
    }
}

/// What one service needs.
struct Needs {
    name: &'static str,
    grpc: Vec<&'static str>,
    checks: Vec<Check>,
}

/// The last report, kept current by a task.
#[derive(Clone)]
pub(crate) struct Readiness {
    report: Arc<watch::Sender<Report>>,
    services: Arc<[Needs]>,
}

impl Readiness {
    pub(crate) fn new(services: &[Service]) -> Self {
        let needs = services.iter().map(|service| Needs {
            name: service.name,
            grpc: service.grpc.clone(),
            checks: service.checks.clone(),
        });
        let services: Arc<[Needs]> = needs.collect();
        let unknown = services.iter().map(|needs| ServiceReport {
            name: needs.name,
            status: Status::NotReady,
            checks: needs.checks.iter().map(unknown).collect(),
            grpc: needs.grpc.clone(),
        });
        let report =
            Report { status: Status::NotReady, draining: false, services: unknown.collect() };
        Self { report: Arc::new(watch::channel(report).0), services }
    }

    pub(crate) fn report(&self) -> Report {
        self.report.borrow().clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Report> {
        self.report.subscribe()
    }

    /// From now on not ready, whatever the outcome of the checks.
    pub(crate) fn drain(&self) {
        self.report.send_modify(|report| {
            report.draining = true;
            report.status = Status::NotReady;
        });
    }

    /// Checks for as long as the tasks of the process run.
    pub(crate) fn keep_checking(&self, tasks: &Tasks) {
        let (own, ending) = (self.clone(), tasks.ending());
        tasks.keep("readiness", async move {
            while !ending.is_cancelled() {
                own.round().await;
                let pause =
                    if own.report().is_ready() { CHECK_INTERVAL } else { NOT_READY_CHECK_INTERVAL };
                let _ = tokio::time::timeout(pause, ending.cancelled()).await;
            }
        });
    }

    async fn round(&self) {
        let before = self.report();
        let rounds = self.services.iter().zip(&before.services).map(|(needs, was)| {
            let checks = needs.checks.iter().zip(&was.checks);
            let outcomes = checks.map(|(check, was)| probe(needs.name, check, was));
            async move {
                let checks = join_all(outcomes).await;
                let status = status(&checks);
                ServiceReport { name: needs.name, status, checks, grpc: needs.grpc.clone() }
            }
        });
        let services = join_all(rounds).await;
        self.report.send_modify(|report| {
            let worst = services.iter().map(|service| service.status).max();
            let worst = worst.unwrap_or(Status::Ready);
            report.status = if report.draining { Status::NotReady } else { worst };
            report.services = services;
        });
    }
}

fn unknown(check: &Check) -> CheckReport {
    let error = Some("not checked yet".to_owned());
    CheckReport {
        name: check.name,
        hard: check.hard,
        ok: false,
        error,
        millis: 0,
        failures: FAILURE_THRESHOLD,
    }
}

fn status(checks: &[CheckReport]) -> Status {
    let missing = |check: &CheckReport| match (check.ok, check.hard) {
        (true, _) => Status::Ready,
        (false, true) => Status::NotReady,
        (false, false) => Status::Degraded,
    };
    checks.iter().map(missing).max().unwrap_or(Status::Ready)
}

async fn probe(service: &'static str, check: &Check, was: &CheckReport) -> CheckReport {
    let started = Instant::now();
    let probed = crate::panics::caught(tokio::time::timeout(CHECK_TIMEOUT, (check.probe)())).await;
    let error = match probed {
        Ok(Ok(Ok(()))) => None,
        Ok(Ok(Err(error))) => Some(chain(error.as_ref())),
        Ok(Err(_)) => Some(format!("no answer within {} s", CHECK_TIMEOUT.as_secs())),
        Err(panic) => Some(panic),
    };
    let failures = if error.is_none() { 0 } else { was.failures.saturating_add(1) };
    let ok = error.is_none() || (was.ok && failures < FAILURE_THRESHOLD);
    if ok != was.ok {
        match &error {
            None => tracing::info!(service, check = check.name, "is there"),
            Some(error) => tracing::warn!(service, check = check.name, "is missing: {error}"),
        }
    }
    let gauge = metrics::gauge!("dependency_up", "service" => service, "check" => check.name);
    gauge.set(if ok { 1.0 } else { 0.0 });
    let millis = started.elapsed().as_millis();
    CheckReport { name: check.name, hard: check.hard, ok, error, millis, failures }
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
