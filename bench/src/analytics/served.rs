//! Analytics as it is served, and a second database for plain inserts.

use analytics::App;
use analytics_api::v1::analytics_service_client::AnalyticsServiceClient;
use anyhow::{Context, Result};
use diesel_async::RunQueryDsl;
use mesh::config::Loader;
use mesh::identity::{Signer, generate_keys};
use mesh::{Paging, Running, Tasks};
use pg::{Db, Settings, migrate, provision};
use secrecy::{ExposeSecret, SecretString};
use stack::{Profile, Stack};
use std::path::PathBuf;
use std::time::Duration;
use testkit::Caller;
use tokio_util::sync::CancellationToken;
use tonic::transport::Endpoint;
use uuid::Uuid;

const FOLDER: &str = ".souk/bench";

/// A process that serves analytics on servers of its own.
pub struct Served {
    running: Running,
    token: String,
    own: Db,
    /// Where plain inserts go.
    pub plain: App,
    databases: [String; 2],
    superuser: SecretString,
    folder: PathBuf,
}

impl Served {
    pub async fn start() -> Result<Self> {
        let servers = Stack::up(FOLDER, Profile::Development).await?;
        let superuser: SecretString = servers.postgres_url.clone().into();
        let id = Uuid::now_v7().simple().to_string();
        let folder = std::env::temp_dir().join(format!("bench-analytics-{id}"));
        let databases = ["served", "plain"].map(|name| format!("bench_{id}_{name}"));
        let mut opened = Vec::new();
        let migrations = analytics::ROLE.migrations.context("analytics has no database")?;
        for name in &databases {
            provision::create(&superuser, name, "unused").await?;
            let url: SecretString = provision::at(superuser.expose_secret(), name).into();
            migrate::run(&url, migrations()).await?;
            opened.push((url.clone(), Db::new("analytics", Settings::of(url))?));
        }
        let (_, plain) = opened.pop().context("no database")?;
        let (url, own) = opened.pop().context("no database")?;

        let mut config = mesh::configure(&mut Loader::new(&[], []), &[analytics::ROLE]);
        config.server.grpc_listen = ([127, 0, 0, 1], 0).into();
        config.server.admin_listen = ([127, 0, 0, 1], 0).into();
        config.server.data_dir.clone_from(&folder);
        config.telemetry.log = "warn".to_owned();
        config.nats.url = Some(servers.nats_url.into());
        config.redis.url = Some(servers.redis_url.into());
        config.database.url.insert("analytics".to_owned(), url);
        // The bench is one caller that calls as often as it can.
        config.rate_limit.per_minute.insert("analytics_record_events".to_owned(), 60_000_000);
        generate_keys(&config.server.keys_folder())?;
        let signer = Signer::open(&config.auth, &config.server).map_err(anyhow::Error::msg)?;
        let signer = signer.context("the key was just made")?;
        let token = signer.mint("bench", &mesh::auth::all_scopes(), Duration::from_secs(3_600));
        let token = token.map_err(anyhow::Error::msg)?.expose_secret().to_owned();
        mesh::telemetry::init(&config.telemetry, []);
        let tasks = Tasks::new(CancellationToken::new());
        let running = mesh::serve(config, &[analytics::ROLE], tasks).await;
        let running = running.map_err(|error| anyhow::anyhow!("{error}"))?;
        running.ready().await;
        let plain = App::new(plain, Paging::new(&mesh::config::Page::default()), 90);
        let today = chrono::Utc::now().date_naive();
        plain.add_days(&[today].into()).await.map_err(|fault| anyhow::anyhow!("{fault}"))?;
        Ok(Self { running, token, own, plain, databases, superuser, folder })
    }

    /// A client with a connection of its own.
    pub fn client(&self) -> Result<AnalyticsServiceClient<Caller>> {
        let address = format!("http://{}", self.running.grpc());
        let channel = Endpoint::from_shared(address)?.connect_lazy();
        Ok(AnalyticsServiceClient::new(Caller::new(channel, Some(&self.token))))
    }

    /// The result of a query of one number `count`.
    pub async fn count(&self, sql: &'static str) -> Result<i64> {
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            count: i64,
        }
        let read = async |tx: &mut pg::Tx| Ok(pg::statement(sql).get_result(tx.conn()).await?);
        let row: Row = self.own.read("bench.count", read).await?;
        Ok(row.count)
    }

    /// Ends the process and the servers, and removes what they wrote.
    pub async fn end(self) -> Result<()> {
        let Self { running, own, plain, databases, superuser, folder, .. } = self;
        running.stop();
        running.finished().await.map_err(|error| anyhow::anyhow!("{error}"))?;
        drop((own, plain));
        for name in &databases {
            provision::drop(&superuser, name).await?;
        }
        Stack::remove(FOLDER).await?;
        std::fs::remove_dir_all(folder).context("remove the keys")
    }
}
