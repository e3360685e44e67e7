//! A serving process and its graceful shutdown: it reports not ready, waits until load balancers noticed, refuses new connections, lets
//! calls in flight end, lets tasks end, closes the internal port, sends its last traces.

use crate::boot::{Boot, BootError};
use crate::config::{Problems, Reflection};
use crate::listener::{Bounds, Listening, Protocol};
use crate::readiness::{Readiness, Report};
use crate::server::{Limits, Stack};
use crate::{Service, Tasks, admin, front, health, telemetry};
use bus::Consumers;
use pg::Budget;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tonic::service::Routes;

/// How long tasks may take to finish their current work after the calls have ended.
const TASK_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);
/// How long calls among the services of this process may take after that.
const INTERNAL_DRAIN_TIMEOUT: Duration = Duration::from_millis(500);
/// How long the last traces may take.
const TRACE_FLUSH_TIMEOUT: Duration = Duration::from_millis(500);
/// A database connection that is not used for this long is closed: the pools of a process share PostgreSQL's limit.
const IDLE_DATABASE_CONNECTION: Duration = Duration::from_secs(60);

/// A process that serves.
pub struct Running {
    grpc: SocketAddr,
    http: Option<SocketAddr>,
    internal: SocketAddr,
    admin: SocketAddr,
    readiness: Readiness,
    consumers: Vec<Consumers>,
    services: Vec<&'static str>,
    tasks: Tasks,
    ended: JoinHandle<Result<(), Died>>,
}

/// A task failed, so the process shut down; exit code 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("task {0}")]
pub struct Died(String);

impl Running {
    /// Where gRPC is served.
    pub fn grpc(&self) -> SocketAddr {
        self.grpc
    }

    /// Where JSON over HTTP is served.
    pub fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Where the services of this process call each other.
    pub fn internal(&self) -> SocketAddr {
        self.internal
    }

    /// Where health and metrics are.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// What is known about the services now.
    pub fn report(&self) -> Report {
        self.readiness.report()
    }

    /// Waits until the process is ready for calls; false if its shutdown began before that.
    pub async fn ready(&self) -> bool {
        let mut reports = self.readiness.watch();
        let stop = self.tasks.stop();
        tokio::select! {
            // Never closed: this struct owns the sender.
            ready = reports.wait_for(Report::is_ready) => ready.is_ok(),
            () = stop.cancelled() => false,
        }
    }

    /// Waits until each service consumes the events of the other services of this process. That begins in the background, since a
    /// service answers calls also while the broker is away.
    pub async fn consuming(&self) {
        for consumers in &self.consumers {
            consumers.following(&self.services).await;
        }
    }

    /// Starts the shutdown.
    pub fn stop(&self) {
        self.tasks.stop().cancel();
    }

    /// Waits until it has ended. An error: it ended because a task failed.
    pub async fn finished(self) -> Result<(), Died> {
        self.ended.await.unwrap_or_else(|error| Err(Died(format!("shutdown: {error}"))))
    }
}

/// Serves until the tasks' stop token is cancelled. Ready only once every hard check has passed.
pub async fn start(boot: Boot, mut services: Vec<Service>) -> Result<Running, BootError> {
    refuse_twice(&services)?;
    let own_face = services.iter_mut().find_map(|service| service.http.take());
    let Boot { config, tasks, auth, ports, connections, redis, tls, .. } = boot;
    let (reporter, health_server) = tonic_health::server::health_reporter();
    let mut open = Routes::new(health_server);
    if config.server.reflection != Reflection::Off {
        open = open.add_service(reflection(&services).build_v1()?);
        open = open.add_service(reflection(&services).build_v1alpha()?);
    }
    let http_address = ports.http.as_ref().and_then(|port| port.local_addr().ok());
    let addresses = [&ports.grpc, &ports.internal, &ports.admin].map(TcpListener::local_addr);
    let [grpc, internal, admin] =
        addresses.map(|address| address.unwrap_or(config.server.grpc_listen));

    let readiness = Readiness::new(&services);
    health::follow(reporter, &readiness, &tasks).await;
    readiness.keep_checking(&tasks);
    fold_metrics(&tasks);
    close_idle_connections(connections, &tasks);

    let bounds = Bounds::of(&config.server);
    if let Some(tls) = &tls {
        tls.keep_reading(&tasks);
    }
    let stack = |limits| {
        let stack = Stack::new(&config, auth.clone(), limits);
        let routes = stack.routes(open.clone(), &services).prepare().into_axum_router();
        (stack, routes)
    };
    let serve = |port, name, (stack, routes): (Stack, _), tls| {
        Listening::start(port, (name, Protocol::Grpc), routes, stack.calls, bounds, tls, &tasks)
    };
    let (outer, routes) = stack(Limits::open(&config.rate_limit, redis));
    let served: Vec<&str> =
        services.iter().flat_map(|service| service.grpc.iter().copied()).collect();
    let http = ports.http.map(|port| {
        let methods = match own_face {
            Some(face) => face(routes.clone()),
            None => front::methods(routes.clone(), &served, &config.server),
        };
        let face = front::router(methods, &config.server, readiness.clone());
        // Its calls are calls of this stack, which counts them.
        let calls = outer.calls.clone();
        Listening::start(port, ("http", Protocol::Http), face, calls, bounds, None, &tasks)
    });
    let external = serve(ports.grpc, "grpc", (outer, routes), tls);
    let inner = serve(ports.internal, "internal grpc", stack(None), None);
    let head_timeout = Duration::from_millis(config.server.admin_head_timeout_ms);
    let pages = tokio::spawn(admin::serve(ports.admin, readiness.clone(), head_timeout));
    let names: Vec<&'static str> = services.iter().map(Service::name).collect();
    tracing::info!(%grpc, %admin, services = names.join(","), "serving");
    let consumers = services.into_iter().flat_map(|service| service.consumers).collect();

    let drain = Drain {
        delay: Duration::from_millis(config.server.drain_delay_ms),
        limit: Duration::from_secs(config.server.drain_seconds),
        readiness: readiness.clone(),
        tasks: tasks.clone(),
        http,
        external,
        inner,
        pages,
    };
    let ended = tokio::spawn(drain.run());
    Ok(Running {
        grpc,
        http: http_address,
        internal,
        admin,
        readiness,
        consumers,
        services: names,
        tasks,
        ended,
    })
}

fn refuse_twice(services: &[Service]) -> Result<(), BootError> {
    let mut seen = BTreeSet::new();
    let names = services.iter().flat_map(|service| service.grpc.iter());
    let twice = names.filter(|name| !seen.insert(**name));
    let twice: Vec<String> = twice.map(|name| format!("{name} is served twice")).collect();
    if twice.is_empty() { Ok(()) } else { Err(Problems(twice).into()) }
}

/// Reflection of what this process serves, in the form that keeps options and comments.
fn reflection(services: &[Service]) -> tonic_reflection::server::Builder<'static> {
    let mut builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(contracts::descriptors())
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        // The details of refusals: with these, tools show a reason instead of bytes.
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        .with_service_name("grpc.health.v1.Health");
    for name in services.iter().flat_map(|service| &service.grpc) {
        builder = builder.with_service_name(*name);
    }
    builder
}

fn fold_metrics(tasks: &Tasks) {
    let ending = tasks.ending();
    tasks.keep("metrics", async move {
        while timeout(Duration::from_secs(5), ending.cancelled()).await.is_err() {
            telemetry::fold_metrics();
        }
    });
}

fn close_idle_connections(connections: Budget, tasks: &Tasks) {
    let ending = tasks.ending();
    tasks.keep("connections", async move {
        while timeout(IDLE_DATABASE_CONNECTION, ending.cancelled()).await.is_err() {
            connections.close_idle(IDLE_DATABASE_CONNECTION);
        }
    });
}

/// Everything that a shutdown ends, in order.
struct Drain {
    delay: Duration,
    limit: Duration,
    readiness: Readiness,
    tasks: Tasks,
    http: Option<Listening>,
    external: Listening,
    inner: Listening,
    pages: JoinHandle<()>,
}

impl Drain {
    async fn run(self) -> Result<(), Died> {
        self.tasks.stop().cancelled().await;
        let deadline = Instant::now() + self.limit;
        tracing::info!("ending: not ready any more");
        self.readiness.drain();
        sleep(self.delay).await;
        // At once: each waits for the calls of both.
        let http = async {
            if let Some(http) = self.http {
                http.drain(deadline).await;
            }
        };
        tokio::join!(http, self.external.drain(deadline));
        if !self.tasks.end(TASK_SHUTDOWN_TIMEOUT).await {
            tracing::warn!("tasks were cut off");
        }
        self.inner.drain(Instant::now() + INTERNAL_DRAIN_TIMEOUT).await;
        telemetry::flush(TRACE_FLUSH_TIMEOUT).await;
        self.pages.abort();
        tracing::info!("ended");
        self.tasks.failed_task().map_or(Ok(()), |cause| Err(Died(cause)))
    }
}
