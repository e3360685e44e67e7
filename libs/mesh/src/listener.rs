//! A port on which calls arrive: accepts connections, bounds how many there are and how long they may be silent, and ends them all in a
//! shutdown.

mod call;
mod connection;
mod connections;

pub(crate) use call::end_at;
pub(crate) use connections::Open;

use crate::Tasks;
use crate::config::Server;
use crate::tls::Tls;
use axum::body::Body;
use call::Calls;
use connection::Connection;
use connections::{Connections, Entry};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, getrlimit};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Layer;
use tower::util::MapRequestLayer;

/// Headers of one call. More than a token may have, so that one that is too long is refused with a reason; far beyond it HTTP/2 gives up
/// the connection.
const MAX_HEADER_BYTES: u32 = 256 * 1024;
/// Longest time in which the head of a request over HTTP/1.1 has to come, and pause between two requests.
const MAX_HEAD: Duration = Duration::from_secs(60);
/// Pause after a connection could not be accepted, for want of descriptors as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// During shutdown a connection without calls is cut after this long; a healthy client closes it at once.
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_millis(300);

/// From where a call came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Bounds of a port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Connections at a time.
    pub(crate) connections: usize,
    /// Calls at a time on one connection.
    pub(crate) streams: u32,
}

impl Bounds {
    /// As configured.
    pub(crate) fn of(config: &Server) -> Self {
        // The rest is for the admin port, databases, the broker and files.
        let half = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX) / 2;
        let most = usize::try_from(half).unwrap_or(usize::MAX).min(20_000);
        Self {
            connections: config.max_connections.unwrap_or(most),
            streams: config.max_connection_calls,
        }
    }
}

/// One gRPC port.
pub(crate) struct Listening {
    /// Cancelled: no new connections, and the existing ones get GOAWAY.
    refuse: CancellationToken,
    /// Cancelled: no connections at all.
    cut: CancellationToken,
    calls: TaskTracker,
    server: JoinHandle<()>,
}

/// What a port speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Protocol {
    /// gRPC over HTTP/2.
    Grpc,
    /// HTTP/1.1.
    Http,
}

/// What all connections of a port share.
struct Port {
    protocol: Protocol,
    routes: axum::Router,
    bounds: Bounds,
    tls: Option<Tls>,
    refuse: CancellationToken,
    open: TaskTracker,
}

impl Listening {
    /// Serves; `calls` counts the calls in flight.
    pub(crate) fn start(
        listener: TcpListener,
        (name, protocol): (&'static str, Protocol),
        routes: axum::Router,
        calls: TaskTracker,
        bounds: Bounds,
        tls: Option<Tls>,
        tasks: &Tasks,
    ) -> Self {
        let (refuse, cut) = (CancellationToken::new(), CancellationToken::new());
        let port = Arc::new(Port {
            protocol,
            routes,
            bounds,
            tls,
            refuse: refuse.clone(),
            open: TaskTracker::new(),
        });
        let (tasks, cut_off, refused) = (tasks.clone(), cut.clone(), refuse.clone());
        let server = tokio::spawn(async move {
            port.accept(listener, name, cut_off).await;
            if !refused.is_cancelled() {
                tasks.died(name, "stopped serving".to_owned());
            }
        });
        Self { refuse, cut, calls, server }
    }

    /// Ends when every connection is closed or has been idle for a while, or at the deadline. Idle connections are not waited for,
    /// because a client that never closes its own would block the shutdown (hyper #4170).
    pub(crate) async fn drain(self, deadline: Instant) {
        self.refuse.cancel();
        self.calls.close();
        let silent = async {
            loop {
                self.calls.wait().await;
                sleep(IDLE_CONNECTION_TIMEOUT).await;
                if self.calls.is_empty() {
                    return;
                }
            }
        };
        let closed = self.server;
        let ended = async {
            tokio::select! {
                _ = closed => {}
                () = silent => {}
            }
        };
        if timeout_at(deadline, ended).await.is_err() {
            tracing::warn!(calls = self.calls.len(), "calls were cut off at the end of the drain");
        }
        self.cut.cancel();
    }
}

impl Port {
    /// Ends when the port is refused and all of its connections have ended.
    async fn accept(
        self: Arc<Self>,
        listener: TcpListener,
        name: &'static str,
        cut: CancellationToken,
    ) {
        let connections = Connections::new(self.bounds.connections);
        let mut tick = interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.refuse.cancelled() => break,
                _ = tick.tick() => {
                    connections.cut_silent();
                    metrics::gauge!("connections", "port" => name).set(connections.count() as f64);
                    continue;
                }
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    metrics::counter!("connections_refused_total", "cause" => "accept")
                        .increment(1);
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            match connections.admit(cut.child_token()) {
                Some(entry) => {
                    let port = Arc::clone(&self);
                    self.open.spawn(port.serve(stream, peer, entry));
                }
                None => {
                    metrics::counter!("connections_refused_total", "cause" => "full").increment(1)
                }
            }
        }
        drop(listener);
        self.open.close();
        self.open.wait().await;
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, entry: Entry) {
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => self.talk(stream, peer, &entry.open).await,
            Some(tls) => {
                let greeting = TlsAcceptor::from(tls.server()).accept(stream);
                // One that does not come to an end is cut like any that is silent.
                match entry.open.cut.run_until_cancelled(greeting).await {
                    Some(Ok(stream)) => self.talk(stream, peer, &entry.open).await,
                    Some(Err(error)) => tracing::debug!(%peer, %error, "no encrypted connection"),
                    None => {}
                }
            }
        }
        drop(entry);
    }

    /// Answers the calls of a connection until it ends.
    async fn talk<S>(&self, stream: S, peer: SocketAddr, open: &Arc<Open>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let named = Arc::clone(open);
        let name = MapRequestLayer::new(move |request: http::Request<Incoming>| {
            let mut request = crate::server::arrived(request).map(Body::new);
            request.extensions_mut().insert(Peer(peer));
            request.extensions_mut().insert(Arc::clone(&named));
            request
        });
        let io = TokioIo::new(Connection::new(stream, Arc::clone(open)));
        let service = TowerToHyperService::new(name.layer(self.routes.clone()));
        if let Protocol::Http = self.protocol {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(MAX_HEAD)
                .serve_connection(io, service);
            let mut connection = pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => {}
                () = self.refuse.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
            return;
        }
        let connection = http2::Builder::new(Calls(Arc::clone(open)))
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10))
            .max_header_list_size(MAX_HEADER_BYTES)
            .max_concurrent_streams(self.bounds.streams)
            // Other services of the mesh cancel all of their calls at once when this one was frozen; that is no attack.
            .max_pending_accept_reset_streams(2 * self.bounds.streams as usize)
            .max_local_error_reset_streams(2 * self.bounds.streams as usize)
            .serve_connection(io, service);
        let mut connection = pin!(connection);
        tokio::select! {
            // What goes wrong on a connection is the matter of its caller, who sees it.
            _ = connection.as_mut() => {}
            () = self.refuse.cancelled() => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }
}
