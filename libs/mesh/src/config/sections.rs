use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Ports, limits and shutdown of a process.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Server {
    /// Address on which gRPC is served; port 0 lets the system choose one.
    pub grpc_listen: SocketAddr,
    /// Address of the admin port (HTTP, plaintext): health and metrics. Never expose it to customers.
    pub admin_listen: SocketAddr,
    /// Address on which JSON over HTTP is served, for load balancers and browsers. Left out: nowhere.
    pub http_listen: Option<SocketAddr>,
    /// Origins whose pages may read answers over HTTP, separated by commas, e.g. `https://shop.example`. Left out: none.
    pub http_origins: Option<String>,
    /// Milliseconds within which a client of the admin port has to send the head of a request; one that takes longer is disconnected.
    pub admin_head_timeout_ms: u64,
    /// Folder for what this process keeps between runs: the search index, generated keys.
    pub data_dir: PathBuf,
    /// Milliseconds between saying "not ready" and refusing new connections, so that load balancers notice. Counts towards `drain_seconds`.
    pub drain_delay_ms: u64,
    /// Longest time in seconds that calls in flight get to end after SIGTERM. Timers and consumers then get 3 more.
    pub drain_seconds: u64,
    /// Calls that each service works on at a time, at most; more are refused with OVERLOADED. It takes fewer while they take longer than
    /// usual, a quarter at least. Bulk methods may use half of them.
    pub max_concurrent_calls: usize,
    /// Streams that each service has open at a time; more are refused with OVERLOADED.
    pub max_streams: usize,
    /// Share of the calls, streams and unread answers that one caller may have, in percent.
    pub caller_share_percent: u8,
    /// Bytes of answers that may wait until their callers read them; more are refused with OVERLOADED.
    pub max_unread_bytes: usize,
    /// Milliseconds that a stream waits for its caller's next message.
    pub stream_idle_ms: u64,
    /// Calls in progress on one connection.
    pub max_connection_calls: u32,
    /// Connections to each gRPC port. One too many takes the place of one that does nothing. Left out: half of the descriptors that the
    /// process may open, at most 20,000.
    pub max_connections: Option<usize>,
    /// Streams that need no token: watches of health, reflection.
    pub max_open_streams: usize,
    /// Largest message that is taken, in bytes.
    pub max_message_bytes: usize,
    /// Who may use reflection, which lets grpcurl work without files: `open` to everybody, with the `scope` mesh:reflect, or `off`.
    pub reflection: Reflection,
}

/// Who may use reflection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reflection {
    /// Everybody.
    Open,
    /// Whoever holds the scope `mesh:reflect`.
    Scope,
    /// Nobody.
    Off,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            grpc_listen: SocketAddr::from(([127, 0, 0, 1], 50051)),
            admin_listen: SocketAddr::from(([127, 0, 0, 1], 9090)),
            http_listen: None,
            http_origins: None,
            admin_head_timeout_ms: 5_000,
            data_dir: PathBuf::from(".souk/data"),
            drain_delay_ms: 0,
            drain_seconds: 10,
            max_concurrent_calls: 1024,
            max_streams: 256,
            caller_share_percent: 50,
            max_unread_bytes: 32 * 1024 * 1024,
            stream_idle_ms: 60_000,
            max_connection_calls: 256,
            max_connections: None,
            max_open_streams: 256,
            max_message_bytes: 4 * 1024 * 1024,
            reflection: Reflection::Open,
        }
    }
}

impl Server {
    /// Where keys lie that no setting names.
    pub fn keys_folder(&self) -> PathBuf {
        self.data_dir.join("auth")
    }

    pub(super) fn validate(&self, problems: &mut Vec<String>) {
        for (name, value) in [
            ("max_concurrent_calls", self.max_concurrent_calls),
            ("max_streams", self.max_streams),
            ("max_connection_calls", self.max_connection_calls as usize),
            ("max_connections", self.max_connections.unwrap_or(1)),
            ("max_open_streams", self.max_open_streams),
            ("stream_idle_ms", usize::from(self.stream_idle_ms > 0)),
        ] {
            if value == 0 {
                problems.push(format!("{name}: must be at least 1"));
            }
        }
        if !(1..=100).contains(&self.caller_share_percent) {
            problems.push("caller_share_percent: must be between 1 and 100".to_owned());
        }
        if self.max_unread_bytes < self.max_message_bytes {
            problems.push("max_unread_bytes: must be at least max_message_bytes".to_owned());
        }
        if !(1024..=64 * 1024 * 1024).contains(&self.max_message_bytes) {
            problems.push("max_message_bytes: must be between 1024 and 67108864".to_owned());
        }
        if self.admin_head_timeout_ms == 0 {
            problems.push("admin_head_timeout_ms: must be at least 1".to_owned());
        }
        if u128::from(self.drain_seconds) * 1000 < u128::from(self.drain_delay_ms) {
            problems.push("drain_delay_ms: must not be longer than drain_seconds".to_owned());
        }
    }
}

/// Who may call this process, and as whom it calls others.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Auth {
    /// Whether callers must show a token. False serves everybody as `anonymous` with every scope: for a closed test only.
    pub enabled: bool,
    /// JWKS file with the public keys whose tokens are accepted, read again when it changes. Left out: `auth/jwks.json` in `data_dir`.
    pub jwks_file: Option<PathBuf>,
    /// Address of the issuer's JWKS, instead of a file. It is asked every five minutes, and for an unknown key at most twice a minute.
    pub jwks_url: Option<String>,
    /// PKCS #8 file (PEM or DER) with the Ed25519 key that signs this process's own tokens. Left out: `auth/signing.pem` in `data_dir`,
    /// where that exists.
    pub signing_key_file: Option<PathBuf>,
    /// Issuer (`iss`) that tokens must name.
    pub issuer: String,
    /// Audience (`aud`) that tokens must name.
    pub audience: String,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            enabled: true,
            jwks_file: None,
            jwks_url: None,
            signing_key_file: None,
            issuer: "souk".to_owned(),
            audience: "souk".to_owned(),
        }
    }
}

impl Auth {
    pub(super) fn validate(&self, problems: &mut Vec<String>) {
        for (name, value) in [("auth.issuer", &self.issuer), ("auth.audience", &self.audience)] {
            if value.is_empty() {
                problems.push(format!("{name}: must not be empty"));
            }
        }
        if self.jwks_file.is_some() && self.jwks_url.is_some() {
            problems.push("auth.jwks_url: cannot be set beside auth.jwks_file".to_owned());
        }
    }
}

/// PostgreSQL: one database and one role for each service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Databases {
    /// URL of each service's database, e.g. `postgres://souk_catalog:…@host/souk_catalog`.
    #[schemars(with = "BTreeMap<String, String>", extend("writeOnly" = true))]
    pub url: BTreeMap<String, SecretString>,
    /// URL of a read replica of a service's database, where there is one.
    #[schemars(with = "BTreeMap<String, String>", extend("writeOnly" = true))]
    pub replica_url: BTreeMap<String, SecretString>,
    /// Connections that each service of this process holds at most, from 2 to 1,000.
    pub pool_size: u32,
    /// Connections that all services of this process hold at most together, from 2 to 10,000, besides one for each service's relay.
    pub connections: u32,
}

impl Default for Databases {
    fn default() -> Self {
        Self { url: BTreeMap::new(), replica_url: BTreeMap::new(), pool_size: 16, connections: 60 }
    }
}

impl Databases {
    pub(super) fn validate(&self, problems: &mut Vec<String>) {
        for (setting, urls) in [("url", &self.url), ("replica_url", &self.replica_url)] {
            for (service, url) in urls {
                let name = format!("database.{setting}.{service}");
                scheme(&name, url, &["postgres", "postgresql"], problems);
            }
        }
        // An isolated run of an event uses two connections at once.
        if !(2..=1000).contains(&self.pool_size) {
            problems.push("database.pool_size: must be between 2 and 1000".to_owned());
        }
        if !(2..=10_000).contains(&self.connections) {
            problems.push("database.connections: must be between 2 and 10000".to_owned());
        }
    }
}

/// NATS with JetStream.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Nats {
    /// URL of the servers, several separated by commas. User and password in it, percent-encoded, are shown to all of them.
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub url: Option<SecretString>,
    /// File with the credentials (`.creds`: a user's JWT and key) that this process shows to the servers, read when it starts. Left out:
    /// what the URL says.
    pub creds_file: Option<PathBuf>,
    /// Replicas of each stream; 3 or 5 in a cluster.
    pub replicas: u8,
    /// Most bytes of each stream of events. A full one takes no more, and events wait in the outbox: raise it and restart the services.
    /// Lowering it loses nothing. Left out: as much as the broker's account has.
    pub max_bytes: Option<i64>,
}

impl Default for Nats {
    fn default() -> Self {
        Self { url: None, creds_file: None, replicas: 1, max_bytes: None }
    }
}

impl Nats {
    pub(super) fn validate(&self, problems: &mut Vec<String>) {
        if let Some(url) = &self.url {
            scheme("nats.url", url, &["nats", "tls"], problems);
        }
        if ![1, 3, 5].contains(&self.replicas) {
            problems.push("nats.replicas: must be 1, 3 or 5".to_owned());
        }
        // An event may have 256 KiB; a stream of less than a few would be full at once.
        if self.max_bytes.is_some_and(|bytes| bytes < 1024 * 1024) {
            problems.push("nats.max_bytes: must be at least 1048576".to_owned());
        }
    }
}

/// Redis: caches and rate limits, nothing that must survive.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Redis {
    /// URL of the server. Left out: each process limits callers by itself.
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub url: Option<SecretString>,
    /// Begins every key, so that several meshes can share a server.
    pub prefix: String,
    /// Longest wait for a connection, in milliseconds. No call waits for one.
    pub connect_timeout_ms: u64,
    /// Longest wait of a call for an answer, in milliseconds. Then all calls go on without Redis, until it answers again.
    pub command_timeout_ms: u64,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            url: None,
            prefix: "souk:".to_owned(),
            connect_timeout_ms: 500,
            command_timeout_ms: 40,
        }
    }
}

impl Redis {
    pub(super) fn validate(&self, problems: &mut Vec<String>) {
        if let Some(url) = &self.url {
            scheme("redis.url", url, &["redis", "rediss"], problems);
        }
        let timeouts = [
            ("redis.connect_timeout_ms", self.connect_timeout_ms),
            ("redis.command_timeout_ms", self.command_timeout_ms),
        ];
        for (name, ms) in timeouts {
            if !(1..=10_000).contains(&ms) {
                problems.push(format!("{name}: must be between 1 and 10000"));
            }
        }
    }
}

/// Where other services are. A service that runs in this process needs no entry.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Endpoints {
    /// Address of each service: `host:port`, `http://host:port`, or with `https://` where it is encrypted.
    pub endpoint: BTreeMap<String, String>,
}

impl Endpoints {
    /// The address of a service as a URI.
    pub fn uri(&self, service: &str) -> Option<http::Uri> {
        let address = self.endpoint.get(service)?;
        let spelled =
            if address.contains("://") { address.clone() } else { format!("http://{address}") };
        spelled.parse().ok()
    }

    pub(super) fn validate(&self, problems: &mut Vec<String>) {
        for service in self.endpoint.keys() {
            let has_scheme = |uri: &http::Uri| matches!(uri.scheme_str(), Some("http" | "https"));
            let uri = self.uri(service).filter(has_scheme);
            if uri.and_then(|uri| uri.port_u16()).is_none() {
                problems.push(format!("endpoint.{service}: must be host:port"));
            }
        }
    }
}

/// Logs and traces. Metrics are always there, on the admin port.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Telemetry {
    /// What is logged, e.g. `info` or `info,pg=debug`.
    pub log: String,
    /// True: logs are JSON; false: text; left out: text where a person looks on, JSON elsewhere.
    pub log_json: Option<bool>,
    /// Where traces go (OTLP over gRPC), e.g. `http://collector:4317`; left out: nowhere.
    pub otlp_endpoint: Option<String>,
    /// Share of traces that are kept where the caller did not decide, in percent.
    pub otlp_sample_percent: u8,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            log_json: None,
            otlp_endpoint: None,
            otlp_sample_percent: 100,
        }
    }
}

impl Telemetry {
    pub(super) fn validate(&self, problems: &mut Vec<String>) {
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&self.log) {
            problems.push(format!("log: {error}"));
        }
        let endpoint = self.otlp_endpoint.as_ref().map(|endpoint| endpoint.parse::<http::Uri>());
        if endpoint.is_some_and(|uri| !uri.is_ok_and(|uri| uri.scheme().is_some())) {
            problems.push("otlp_endpoint: must be http://host:port".to_owned());
        }
        if self.otlp_sample_percent > 100 {
            problems.push("otlp_sample_percent: must be at most 100".to_owned());
        }
    }
}

/// Keys that sign page tokens. All replicas of a service need the same.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Page {
    /// Signs page tokens: at least 32 random characters. Left out: a random key, so that lists break off when the process ends.
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub key: Option<SecretString>,
    /// The key before, still accepted while lists that it signed are being read.
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub previous_key: Option<SecretString>,
}

impl Page {
    pub(super) fn validate(&self, problems: &mut Vec<String>) {
        for (name, key) in [("page.key", &self.key), ("page.previous_key", &self.previous_key)] {
            if key.as_ref().is_some_and(|key| key.expose_secret().len() < 32) {
                problems.push(format!("{name}: must have at least 32 characters"));
            }
        }
        if self.key.is_none() && self.previous_key.is_some() {
            problems.push("page.previous_key: needs page.key beside it".to_owned());
        }
    }
}

/// Comparing copies with their owners.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Reconcile {
    /// Seconds between two samples of a service: one page of one of its projections in turn. 0: never.
    pub sample_seconds: u64,
    /// Hours between two comparisons of everything, which one replica of a service does. 0: never by itself.
    pub full_hours: u64,
    /// Seconds after which a difference is looked at again before it counts: longer than an event takes to arrive.
    pub confirm_seconds: u64,
    /// Whether what the sampler and the scheduled comparison find is repaired too; else it is only reported.
    pub repair: bool,
}

impl Default for Reconcile {
    fn default() -> Self {
        Self { sample_seconds: 60, full_hours: 24, confirm_seconds: 3, repair: true }
    }
}

impl Reconcile {
    pub(super) fn validate(&self, problems: &mut Vec<String>) {
        if self.sample_seconds > 86_400 {
            problems.push("reconcile.sample_seconds: must be at most 86400, a day".to_owned());
        }
        // An operation that has ended is forgotten after two weeks, and with it when it was.
        if self.full_hours > 168 {
            problems.push("reconcile.full_hours: must be at most 168, a week".to_owned());
        }
        if !(1..=600).contains(&self.confirm_seconds) {
            problems.push("reconcile.confirm_seconds: must be between 1 and 600".to_owned());
        }
    }
}

/// Timeouts other than the contract's.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Timeouts {
    /// Server timeout of a method in milliseconds, by service and method: `pricing_set_price`.
    pub timeout_ms: BTreeMap<String, u64>,
}

impl Timeouts {
    /// The timeout of a method: configured, or the contract's.
    pub fn of(&self, policy: &contracts::Policy) -> Duration {
        if self.timeout_ms.is_empty() {
            return policy.timeout;
        }
        let configured = self.timeout_ms.get(&method_name(policy.path));
        configured.map_or(policy.timeout, |ms| Duration::from_millis(*ms))
    }

    pub(super) fn validate(&self, problems: &mut Vec<String>) {
        let known: BTreeSet<String> =
            contracts::methods().iter().map(|method| method_name(method.path)).collect();
        for (method, ms) in &self.timeout_ms {
            if !known.contains(method) {
                problems.push(format!("timeout_ms.{method}: the contract has no such method"));
            }
            if *ms == 0 {
                problems.push(format!("timeout_ms.{method}: must be at least 1"));
            }
        }
    }
}

/// The services of the contract, by name.
pub fn services() -> BTreeSet<&'static str> {
    contracts::methods().iter().filter_map(|method| method.path.split('.').nth(1)).collect()
}

/// A method as a setting's name: `/souk.pricing.v1.PricingService/SetPrice` is `pricing_set_price`.
pub fn method_name(path: &str) -> String {
    let service = path.split('.').nth(1).unwrap_or_default();
    let method = path.rsplit('/').next().unwrap_or_default();
    let mut name = service.to_owned();
    for letter in method.chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

fn scheme(name: &str, url: &SecretString, schemes: &[&str], problems: &mut Vec<String>) {
    let found = url.expose_secret().split_once("://").map(|(scheme, _)| scheme);
    if !found.is_some_and(|scheme| schemes.contains(&scheme)) {
        problems.push(format!("{name}: must begin with {}://", schemes.join(":// or ")));
    }
}
