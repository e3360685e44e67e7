//! From configuration to a serving process.

use crate::auth::Auth;
use crate::client::{self, Client};
use crate::config::{self, Config, Nats, Problems};
use crate::identity::{OwnSigner, OwnToken, Signer};
use crate::paging::Paging;
use crate::tasks::Tasks;
use crate::tls::Tls;
use bus::Bus;
use cache::Redis;
use fault::Fault;
use pg::Budget;
use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;

/// A process that has bound its ports and read its keys but does not serve yet. Services are built from it, since their dependencies,
/// above all clients of each other, are known only now.
pub struct Boot {
    pub(crate) config: Config,
    pub(crate) tasks: Tasks,
    pub(crate) auth: Auth,
    pub(crate) ports: Ports,
    signer: Option<OwnSigner>,
    /// None: nothing is encrypted.
    pub(crate) tls: Option<Tls>,
    local: BTreeSet<&'static str>,
    /// The connections of all databases.
    pub(crate) connections: Budget,
    /// None where the configuration names none.
    pub(crate) redis: Option<Redis>,
    /// How the broker is reached; none where the configuration names none.
    broker: Option<bus::Settings>,
    bus: OnceCell<Bus>,
}

pub(crate) struct Ports {
    /// For callers outside the process.
    pub(crate) grpc: TcpListener,
    /// For the services of this process among themselves. It closes last, so that a call in flight can still make the calls it needs.
    pub(crate) internal: TcpListener,
    pub(crate) admin: TcpListener,
    /// None: no HTTP is served.
    pub(crate) http: Option<TcpListener>,
}

/// Why a process could not begin to serve.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// Something in the configuration is wrong; exit code 2.
    #[error(transparent)]
    Configuration(#[from] Problems),
    /// A port could not be bound.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A dependency of a service could not be set up.
    #[error(transparent)]
    Backing(#[from] Fault),
    /// A service could not be built.
    #[error("boot {service}")]
    Service {
        /// Which.
        service: &'static str,
        /// Why.
        source: Box<BootError>,
    },
    /// Reflection could not be set up from the contract.
    #[error("the contract's descriptors cannot be served")]
    Descriptors(#[from] tonic_reflection::server::Error),
}

impl BootError {
    /// A setting that is needed is missing.
    pub(crate) fn missing(problem: String) -> Self {
        Problems(vec![problem]).into()
    }

    /// The same, with the service that could not be built. Problems of the configuration name their settings themselves.
    pub(crate) fn of(self, service: &'static str) -> Self {
        match self {
            Self::Configuration(_) => self,
            other => Self::Service { service, source: Box::new(other) },
        }
    }
}

impl Boot {
    /// Binds the ports and reads the keys, for a process that will serve the services named `local`. A task that fails cancels the token
    /// that `tasks` was made with, and the process then shuts down gracefully.
    pub async fn bind(
        config: Config,
        local: &[&'static str],
        tasks: Tasks,
    ) -> Result<Self, BootError> {
        let mut problems = Vec::new();
        let auth = Auth::open(&config.auth, &config.server).await;
        let auth = auth.map_err(|problem| problems.push(format!("auth.jwks: {problem}"))).ok();
        let signer = Signer::open(&config.auth, &config.server);
        let signer = signer.unwrap_or_else(|problem| {
            problems.push(format!("auth.signing_key_file: {problem}"));
            None
        });
        let tls = Tls::open(&config.tls).unwrap_or_else(|problem| {
            problems.push(format!("tls: {problem}"));
            None
        });
        let broker = broker(&config.nats).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        let redis = redis(&config.redis).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        let Some(auth) = auth.filter(|_| problems.is_empty()) else {
            return Err(Problems(problems).into());
        };
        let ports = Ports {
            grpc: listen(config.server.grpc_listen).await?,
            internal: listen((Ipv4Addr::LOCALHOST, 0).into()).await?,
            admin: listen(config.server.admin_listen).await?,
            http: match config.server.http_listen {
                Some(address) => Some(listen(address).await?),
                None => None,
            },
        };
        if let Some(redis) = redis.clone() {
            // Once before the first call.
            if let Err(error) = redis.probe().await {
                tracing::warn!(
                    "Redis does not answer, so each process limits calls by itself: {error}"
                );
            }
            let ending = tasks.ending();
            tasks.keep("redis", async move {
                let _ = ending.run_until_cancelled(redis.keep_probing()).await;
            });
        }
        let local = local.iter().copied().collect();
        let connections = usize::try_from(config.database.connections).unwrap_or(usize::MAX);
        Ok(Self {
            connections: Budget::new(connections),
            config,
            tasks,
            auth,
            ports,
            signer: signer.map(OwnSigner::new),
            tls,
            local,
            redis,
            broker,
            bus: OnceCell::new(),
        })
    }

    /// A client with which `service` calls `target`: at the configured address, else inside this process.
    pub fn client(&self, service: &str, target: &str) -> Result<Client, BootError> {
        let address = match self.config.endpoints.uri(target) {
            Some(address) => Some(address),
            None if self.local.contains(target) => self.internal_uri(),
            None => None,
        };
        let address = address.ok_or_else(|| {
            let name = target.to_ascii_uppercase();
            Problems(vec![format!(
                "SOUK_ENDPOINT_{name}: is needed, since {service} calls {target}"
            )])
        })?;
        let own = self.signer.as_ref().map(|signer| OwnToken::new(signer.clone(), service));
        let timeouts = Arc::new(self.config.timeouts.clone());
        // Calls inside the process take no detour over encryption.
        let is_secure = address.scheme_str() == Some("https");
        let tls = self.tls.as_ref().filter(|_| is_secure).map(Tls::client);
        client::open(address, target, own, timeouts, tls).map_err(|error| {
            let name = target.to_ascii_uppercase();
            Problems(vec![format!("SOUK_ENDPOINT_{name}: {error}")]).into()
        })
    }

    /// Whether a service can be called: it has an address, or is served by this process.
    pub(crate) fn reaches(&self, target: &str) -> bool {
        self.config.endpoints.uri(target).is_some() || self.local.contains(target)
    }

    /// How many services this process serves.
    pub(crate) fn services(&self) -> usize {
        self.local.len()
    }

    fn internal_uri(&self) -> Option<http::Uri> {
        let address = self.ports.internal.local_addr().ok()?;
        format!("http://{address}").parse().ok()
    }

    /// The broker: one connection for all services of the process.
    pub async fn bus(&self) -> Result<Bus, BootError> {
        let settings = self.broker.as_ref().ok_or_else(|| {
            BootError::missing("SOUK_NATS_URL: is needed by every service".to_owned())
        })?;
        Ok(self.bus.get_or_try_init(|| async move { Bus::connect(settings).await }).await?.clone())
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The tasks of the process, for timers, consumers and the relay.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Page tokens. One for all services of the process, so that they share its keys.
    pub fn paging(&self) -> Paging {
        Paging::new(&self.config.page)
    }
}

/// How the configuration says that the broker is reached, with the credentials that lie in a file.
fn broker(nats: &Nats) -> Result<Option<bus::Settings>, String> {
    let Some(url) = nats.url.clone() else { return Ok(None) };
    let settings = bus::Settings {
        replicas: nats.replicas.into(),
        max_bytes: nats.max_bytes,
        ..bus::Settings::of(url)
    };
    settings.check().map_err(|problem| format!("nats.url: {problem}"))?;
    let Some(path) = &nats.creds_file else { return Ok(Some(settings)) };
    let named = |problem: String| format!("nats.creds_file: {}: {problem}", path.display());
    let creds = std::fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
    settings.with_creds(creds.into()).map(Some).map_err(named)
}

/// Redis, if the configuration names one.
fn redis(redis: &config::Redis) -> Result<Option<Redis>, String> {
    let Some(url) = redis.url.clone() else { return Ok(None) };
    let settings = cache::Settings {
        url,
        prefix: redis.prefix.clone(),
        connect_timeout: Duration::from_millis(redis.connect_timeout_ms),
        command_timeout: Duration::from_millis(redis.command_timeout_ms),
    };
    Redis::open(&settings).map(Some).map_err(|problem| format!("redis.url: {problem}"))
}

async fn listen(address: SocketAddr) -> Result<TcpListener, BootError> {
    TcpListener::bind(address).await.map_err(|source| BootError::Listen { address, source })
}
