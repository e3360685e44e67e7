//! `grpc.health.v1`: the process as a whole under "", each service under its full name, both following readiness.

use crate::Tasks;
use crate::readiness::{Readiness, Report, Status};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

/// Keeps the reporter in step with readiness.
pub(crate) async fn follow(reporter: HealthReporter, readiness: &Readiness, tasks: &Tasks) {
    let mut reports = readiness.watch();
    let first = reports.borrow_and_update().clone();
    tell(&reporter, &first).await;
    let ending = tasks.ending();
    tasks.keep("health", async move {
        loop {
            tokio::select! {
                // The sender lives as long as the server does.
                _ = reports.changed() => {}
                () = ending.cancelled() => return,
            }
            let report = reports.borrow_and_update().clone();
            tell(&reporter, &report).await;
        }
    });
}

async fn tell(reporter: &HealthReporter, report: &Report) {
    reporter.set_service_status("", serving(report.status)).await;
    for service in &report.services {
        let status = if report.draining { Status::NotReady } else { service.status };
        for name in &service.grpc {
            reporter.set_service_status(*name, serving(status)).await;
        }
    }
}

fn serving(status: Status) -> ServingStatus {
    if status == Status::NotReady { ServingStatus::NotServing } else { ServingStatus::Serving }
}
