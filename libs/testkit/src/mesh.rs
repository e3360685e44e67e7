use crate::caller::Caller;
use crate::databases::Databases;
use crate::{eventually, record, twice};
use analytics_api::v1::analytics_service_client::AnalyticsServiceClient;
use async_nats::jetstream;
use catalog_api::v1::catalog_service_client::CatalogServiceClient;
use contracts::Event;
use contracts::operations::v1::operations_service_client::OperationsServiceClient;
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use futures::TryStreamExt;
use mesh::config::{Loader, Reconcile};
use mesh::{Config, Role, Running, Tasks};
use pricing_api::v1::pricing_service_client::PricingServiceClient;
use search_api::v1::search_service_client::SearchServiceClient;
use secrecy::ExposeSecret;
use stack::{Flush, Nats, Private};
use std::path::PathBuf;
use testbed::Servers;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use warehouse_api::v1::warehouse_service_client::WarehouseServiceClient;

/// Options of a mesh.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whether every event is delivered twice.
    pub twice: bool,
    /// Whether dead letters at the end are allowed.
    pub dead_letters: bool,
    /// Changes the configuration. By default services do not reconcile on a schedule, because that would repair differences that a
    /// test creates.
    pub config: fn(&mut Config),
    /// Variables that the configuration is read from before that.
    pub environment: &'static [(&'static str, &'static str)],
    /// Publishers that are no services yet: the test publishes their events, and their streams are there from the beginning.
    pub publishers: &'static [&'static str],
}

impl Options {
    /// Services compare their copies with the owners every second, and repair them.
    pub fn reconciling() -> Self {
        Self { config: |config| config.reconcile.sample_seconds = 1, ..Self::default() }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { twice: true, dead_letters: false, config: |_| (), environment: &[], publishers: &[] }
    }
}

/// Services that run in this process.
pub struct Mesh {
    running: Option<Running>,
    databases: Option<Databases>,
    broker: Private<Nats>,
    js: jetstream::Context,
    copiers: CancellationToken,
    folder: PathBuf,
    config: Config,
    roles: Vec<&'static str>,
    token: String,
    options: Options,
    finished: bool,
}

impl Mesh {
    /// Starts these services and waits until they are ready and consume each other's events.
    pub async fn boot(roles: &[Role]) -> Self {
        Self::boot_with(roles, Options::default()).await
    }

    /// Like [`Mesh::boot`], with options.
    pub async fn boot_with(roles: &[Role], options: Options) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let servers = Servers::up().await;
        let redis_url = servers.redis_url.clone();
        let databases = Databases::create(servers, roles).await;
        let folder = testbed::folder().join("mesh").join(uuid::Uuid::now_v7().simple().to_string());
        std::fs::create_dir_all(&folder).unwrap();
        let broker = Nats::spawn_private_with(folder.join("nats"), Flush::Interval).await.unwrap();

        let variables = options.environment.iter();
        let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut config = mesh::configure(&mut Loader::new(&[], variables), roles);
        config.server.grpc_listen = ([127, 0, 0, 1], 0).into();
        config.server.admin_listen = ([127, 0, 0, 1], 0).into();
        config.server.data_dir = folder.clone();
        config.nats.url = Some(broker.url().into());
        config.redis.url = Some(redis_url.into());
        config.redis.prefix = format!("{}:", uuid::Uuid::now_v7().simple());
        // All tests are one caller, and share this Redis.
        config.rate_limit.enabled = false;
        config.database.pool_size = 8;
        config.database.url.extend(databases.urls().map(|(role, url)| (role.to_owned(), url)));
        config.reconcile =
            Reconcile { sample_seconds: 0, full_hours: 0, confirm_seconds: 1, repair: true };
        (options.config)(&mut config);
        mesh::identity::generate_keys(&folder.join("auth")).unwrap();
        let token = token(&config);
        for publisher in options.publishers {
            let settings = &bus::Settings::of(broker.url());
            bus::streams::ensure_events(&bus::Bus::connect(settings).await.unwrap(), publisher)
                .await
                .unwrap();
        }

        let tasks = Tasks::new(CancellationToken::new());
        let running = mesh::serve(config.clone(), roles, tasks).await.unwrap();
        running.ready().await;
        running.consuming().await;
        let client = async_nats::connect(broker.url()).await.unwrap();
        let mesh = Self {
            running: Some(running),
            databases: Some(databases),
            broker,
            js: jetstream::new(client),
            copiers: CancellationToken::new(),
            folder,
            config,
            roles: roles.iter().map(|role| role.name).collect(),
            token,
            options,
            finished: false,
        };
        if options.twice {
            for role in roles.iter().map(|role| role.name).filter(|role| publishes(role)) {
                let copier =
                    twice::copy(mesh.js.clone(), bus::streams::events(role), mesh.copiers.clone());
                tokio::spawn(copier);
            }
        }
        mesh
    }

    /// Where its keys are.
    pub fn keys(&self) -> PathBuf {
        self.folder.join("auth")
    }

    /// Another process of the mesh with some of its roles; it finds the others where they run. It is to be stopped before the mesh.
    pub async fn another(&self, roles: &[Role], change: impl FnOnce(&mut Config)) -> Running {
        let mut config = self.config.clone();
        let address = format!("http://{}", self.running().grpc());
        for other in &self.roles {
            if roles.iter().all(|role| role.name != *other) {
                config.endpoints.endpoint.insert((*other).to_owned(), address.clone());
            }
        }
        change(&mut config);
        let tasks = Tasks::new(CancellationToken::new());
        let running = mesh::serve(config, roles, tasks).await.unwrap();
        running.ready().await;
        running
    }

    /// A connection to a process of the mesh with a token that has all scopes.
    pub fn caller_of(&self, process: &Running) -> Caller {
        Caller::new(channel(process), Some(&self.token))
    }

    /// A connection with a token that has all scopes.
    pub fn caller(&self) -> Caller {
        Caller::new(self.channel(), Some(&self.token))
    }

    /// A connection to the gRPC port without a token.
    pub fn channel(&self) -> Channel {
        channel(self.running())
    }

    /// A client of catalog.
    pub fn catalog(&self) -> CatalogServiceClient<Caller> {
        CatalogServiceClient::new(self.caller())
    }

    /// A client of pricing.
    pub fn pricing(&self) -> PricingServiceClient<Caller> {
        PricingServiceClient::new(self.caller())
    }

    /// A client of search.
    pub fn search(&self) -> SearchServiceClient<Caller> {
        SearchServiceClient::new(self.caller())
    }

    /// A client of warehouse.
    pub fn warehouse(&self) -> WarehouseServiceClient<Caller> {
        WarehouseServiceClient::new(self.caller())
    }

    /// A client of analytics.
    pub fn analytics(&self) -> AnalyticsServiceClient<Caller> {
        AnalyticsServiceClient::new(self.caller())
    }

    /// A client of the operators' service.
    pub fn operations(&self) -> OperationsServiceClient<Caller> {
        OperationsServiceClient::new(self.caller())
    }

    /// The serving process.
    pub fn running(&self) -> &Running {
        self.running.as_ref().expect("the mesh is finished")
    }

    /// A token with all scopes.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The broker, e.g. to stop it.
    pub fn broker(&mut self) -> &mut Private<Nats> {
        &mut self.broker
    }

    /// JetStream of the broker.
    pub fn jetstream(&self) -> &jetstream::Context {
        &self.js
    }

    /// A direct connection to a service's database.
    pub async fn database(&self, role: &str) -> AsyncPgConnection {
        let databases = self.databases.as_ref().expect("the mesh is finished");
        let (_, url) = databases.urls().find(|(name, _)| *name == role).expect("no such role");
        AsyncPgConnection::establish(url.expose_secret()).await.unwrap()
    }

    /// Runs a statement directly in a service's database.
    pub async fn sql(&self, role: &str, statement: &str) {
        sql_query(statement).execute(&mut self.database(role).await).await.unwrap();
    }

    /// The result of a query with one row and one bigint column `count`.
    pub async fn count(&self, role: &str, query: &str) -> i64 {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = BigInt)]
            count: i64,
        }
        let row: Row = sql_query(query).get_result(&mut self.database(role).await).await.unwrap();
        row.count
    }

    /// Waits until a query with one bigint column `count` answers `wanted`.
    pub async fn until(&self, role: &str, query: &str, wanted: i64) {
        let what = format!("{role} answers {wanted} to: {query}");
        eventually(&what, async || (self.count(role, query).await == wanted).then_some(())).await;
    }

    /// Takes a service's copy of other services' aggregates back, as if their events had been lost.
    pub async fn lose_copy(&self, role: &str, table: &str) {
        self.sql(role, &format!("delete from {table}")).await;
        self.sql(role, "delete from projection_heads").await;
    }

    /// Waits until the aggregate's event of this type and version is published, and reads it from the broker.
    pub async fn published<E: Event>(&self, key: &str, version: i64) -> E {
        let stream = bus::streams::events(bus::streams::publisher(E::SUBJECT));
        eventually(&format!("{} of {key} has version {version}", E::SUBJECT), async || {
            let stream = self.js.get_stream(&stream).await.ok()?;
            let message = stream.get_last_raw_message_by_subject(E::SUBJECT).await.ok()?;
            let event = E::decode(message.payload).unwrap();
            (event.key() == key && event.version() == version).then_some(event)
        })
        .await
    }

    /// Waits until every event is published and handled.
    pub async fn settle(&self) {
        eventually("all events are published and handled", async || {
            (self.drained().await && self.handled().await && self.drained().await).then_some(())
        })
        .await;
    }

    async fn drained(&self) -> bool {
        let roles: Vec<&str> =
            self.databases.iter().flat_map(|d| d.urls()).map(|(role, _)| role).collect();
        for role in roles {
            if self.count(role, "select count(*) from outbox where published_at is null").await > 0
            {
                return false;
            }
        }
        true
    }

    async fn handled(&self) -> bool {
        let streams: Vec<_> = self.js.streams().try_collect().await.unwrap_or_default();
        for info in streams {
            let Ok(stream) = self.js.get_stream(&info.config.name).await else { return false };
            let consumers: Result<Vec<_>, _> = stream.consumers().try_collect().await;
            let Ok(consumers) = consumers else { return false };
            if consumers.iter().any(|c| c.num_pending > 0 || c.num_ack_pending > 0) {
                return false;
            }
        }
        true
    }

    /// Number of dead letters of all services.
    pub async fn dead_letters(&self) -> u64 {
        let streams: Vec<_> = self.js.streams().try_collect().await.unwrap();
        streams.iter().filter(|s| s.config.name.starts_with("DEAD")).map(|s| s.state.messages).sum()
    }

    /// Waits until all events are published and handled, and stops the mesh. Fails if there are dead letters.
    pub async fn finish(mut self) {
        self.settle().await;
        self.finished = true;
        let dead = self.dead_letters().await;
        assert!(self.options.dead_letters || dead == 0, "{dead} dead letters");
        self.note_events().await;
        self.copiers.cancel();
        let running = self.running.take().expect("the mesh is finished");
        running.stop();
        running.finished().await.unwrap();
        self.databases.take().expect("the mesh is finished").drop().await;
        let _ = std::fs::remove_dir_all(&self.folder);
    }

    /// Records the events that services published and consumed. Those that a test publishes itself are in no outbox.
    async fn note_events(&self) {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            line: String,
        }
        let roles: Vec<&str> =
            self.databases.iter().flat_map(|d| d.urls()).map(|(role, _)| role).collect();
        for role in roles {
            let events = sql_query(
                "select 'published ' || subject as line from outbox where published_at is not null
                 union select 'consumed ' || consumer || ' ' || subject from inbox",
            );
            let rows: Vec<Row> = events.get_results(&mut self.database(role).await).await.unwrap();
            rows.iter().for_each(|row| record::note(&row.line));
        }
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        if !self.finished && !std::thread::panicking() {
            panic!(
                "a test must end with mesh.finish().await, which checks that nothing is left undone"
            );
        }
    }
}

fn publishes(role: &str) -> bool {
    contracts::events().iter().any(|event| event.subject.starts_with(&format!("{role}.")))
}

fn token(config: &Config) -> String {
    let signer = mesh::identity::Signer::open(&config.auth, &config.server).unwrap().unwrap();
    let scopes = mesh::auth::all_scopes();
    let token = signer.mint("tester", &scopes, std::time::Duration::from_secs(3600)).unwrap();
    token.expose_secret().to_owned()
}

fn channel(process: &Running) -> Channel {
    Endpoint::from_shared(format!("http://{}", process.grpc())).unwrap().connect_lazy()
}
