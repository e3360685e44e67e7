//! Configuration: flag > environment > file > default, one struct for each concern. The structs are the only list of settings: the
//! names of the environment variables, the documentation and the defaults that `souk config` prints are read off them.
//!
//! A setting `pool_size` of the section `database` is `SOUK_DATABASE_POOL_SIZE` in the environment, and in the file:
//!
//! ```toml
//! drain_seconds = 10
//! [database]
//! pool_size = 16
//! [database.url]
//! catalog = "postgres://souk_catalog@db/souk_catalog"   # SOUK_DATABASE_URL_CATALOG
//! ```

mod field;
mod loader;
mod rate_limit;
mod sections;
mod service;
mod setting;
mod tls;

pub use loader::{Loader, Problems};
pub use rate_limit::RateLimit;
pub use sections::{
    Auth, Databases, Endpoints, Nats, Page, Reconcile, Redis, Reflection, Server, Telemetry,
    Timeouts, method_name, services,
};
pub use service::{OwnSettings, ServiceSettings};
pub use setting::{Setting, Settings, Source};
pub use tls::Tls;

/// The configuration of a process: the mesh's own settings, and the sections that services declare in their roles.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Ports, limits and shutdown.
    pub server: Server,
    /// Who may call, and as whom this process calls.
    pub auth: Auth,
    /// Encryption between services.
    pub tls: Tls,
    /// PostgreSQL.
    pub database: Databases,
    /// NATS.
    pub nats: Nats,
    /// Redis.
    pub redis: Redis,
    /// Where other services are.
    pub endpoints: Endpoints,
    /// Logs and traces.
    pub telemetry: Telemetry,
    /// Keys that sign page tokens.
    pub page: Page,
    /// Comparing copies with their owners.
    pub reconcile: Reconcile,
    /// Timeouts other than the contract's.
    pub timeouts: Timeouts,
    /// How many calls each caller may make.
    pub rate_limit: RateLimit,
    /// The sections of services, by the types that they declare.
    pub(crate) services: Vec<service::Read>,
}

impl Config {
    /// Reads the mesh's settings from flags, the process's environment and the file that `SOUK_CONFIG` names. A binary with services
    /// reads their sections too, by a [`Loader`] of its own and [`crate::configure`].
    pub fn load(flags: &[(String, String)]) -> Result<(Self, Settings), Problems> {
        let mut loader = Loader::of_process(flags);
        let config = Self::read(&mut loader);
        Ok((config, loader.finish()?))
    }

    /// Reads the mesh's sections. Problems stay in the loader, which names them all in the end.
    pub fn read(loader: &mut Loader) -> Self {
        let config = Self {
            server: loader.section(""),
            auth: loader.section("auth"),
            tls: loader.section("tls"),
            database: loader.section("database"),
            nats: loader.section("nats"),
            redis: loader.section("redis"),
            endpoints: loader.section(""),
            telemetry: loader.section(""),
            page: loader.section("page"),
            reconcile: loader.section("reconcile"),
            timeouts: loader.section(""),
            rate_limit: loader.section("rate_limit"),
            services: Vec::new(),
        };
        for problem in config.problems() {
            loader.problem(problem);
        }
        let named = config.database.url.keys().chain(config.database.replica_url.keys());
        for service in named.chain(config.endpoints.endpoint.keys()) {
            if !services().contains(&service.as_str()) {
                loader.warn(format!(
                    "a setting names the service {service:?}, which the contract does not know"
                ));
            }
        }
        config
    }

    /// Everything that is wrong with the values themselves.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        self.server.validate(&mut problems);
        self.auth.validate(&mut problems);
        self.tls.validate(&mut problems);
        self.database.validate(&mut problems);
        self.nats.validate(&mut problems);
        self.redis.validate(&mut problems);
        self.endpoints.validate(&mut problems);
        self.telemetry.validate(&mut problems);
        self.page.validate(&mut problems);
        self.reconcile.validate(&mut problems);
        self.timeouts.validate(&mut problems);
        self.rate_limit.validate(&mut problems);
        problems
    }
}
