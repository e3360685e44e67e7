//! The databases of a run: one for the service that publishes, one for each that consumes.

use anyhow::{Context, Result};
use pg::{Db, migrate, provision};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// The services of a run: one publishes, one counts, one keeps a projection.
pub const SERVICES: [&str; 3] = ["pricing", "search", "catalog"];

/// What the processes under test need beside the shared tables.
const TABLES: &str = "
    create table aggregates (key text primary key, version bigint not null);
    create table written (writer text primary key, written bigint not null);
    create table tally (key text primary key, count bigint not null);
    create table known (key text primary key);
    create table projection (
        key text primary key, version bigint not null, back bigint not null default 0)";

/// The databases of one run.
pub struct Databases {
    superuser: String,
    run: String,
    clients: Mutex<HashMap<String, Arc<Client>>>,
}

impl Databases {
    /// Makes them on the server whose superuser this is.
    pub async fn create(superuser: &str) -> Result<Self> {
        let template = template(superuser).await?;
        let (superuser, run) = (superuser.to_owned(), Uuid::now_v7().simple().to_string());
        let databases = Self { superuser, run, clients: Mutex::default() };
        for service in SERVICES {
            provision::copy(
                &databases.superuser.as_str().into(),
                &template,
                &databases.name(service),
                "postgres",
            )
            .await
            .map_err(crate::process::error)?;
        }
        Ok(databases)
    }

    /// URL of a service's database, past every proxy.
    pub fn url(&self, service: &str) -> String {
        provision::at(&self.superuser, &self.name(service))
    }

    /// The same through a proxy on that port.
    pub fn url_through(&self, service: &str, port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/{}", self.name(service))
    }

    /// A connection to a service's database; one is shared, since connecting costs the server time.
    pub async fn client(&self, service: &str) -> Result<Arc<Client>> {
        let mut clients = self.clients.lock().await;
        if let Some(client) = clients.get(service).filter(|client| !client.is_closed()) {
            return Ok(client.clone());
        }
        let client = Arc::new(connect(&self.url(service)).await?);
        clients.insert(service.to_owned(), client.clone());
        Ok(client)
    }

    /// The server's port.
    pub fn port(&self) -> Result<u16> {
        let config: tokio_postgres::Config = self.superuser.parse()?;
        config.get_ports().first().copied().context("the server's URL has no port")
    }

    fn name(&self, service: &str) -> String {
        format!("faults_{}_{service}", self.run)
    }
}

impl Drop for Databases {
    fn drop(&mut self) {
        let superuser = self.superuser.clone();
        let names = SERVICES.map(|service| self.name(service));
        // A runtime of its own on a thread of its own: this runs inside a run's runtime.
        let dropped = std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Runtime::new() else { return };
            runtime.block_on(async {
                for name in names {
                    let _ = provision::drop(&superuser.as_str().into(), &name).await;
                }
            });
        });
        let _ = dropped.join();
    }
}

/// A connection that lives as long as its client.
pub async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// A database with all tables, made once per process and server.
async fn template(superuser: &str) -> Result<String> {
    static TEMPLATE_SERVER: Mutex<Option<String>> = Mutex::const_new(None);
    let name = format!("faults_template_{}", std::process::id());
    let mut made = TEMPLATE_SERVER.lock().await;
    if made.as_deref() != Some(superuser) {
        drop_stale_templates(superuser).await?;
        let server = superuser.into();
        provision::create(&server, &name, "unused").await.map_err(crate::process::error)?;
        let url = provision::at(superuser, &name);
        migrate::run(&url.as_str().into(), migrate::SHARED).await.map_err(crate::process::error)?;
        let db =
            Db::new("template", pg::Settings::of(url.into())).map_err(crate::process::error)?;
        db.write("faults.template", async |tx| {
            Ok(diesel_async::SimpleAsyncConnection::batch_execute(tx.conn(), TABLES).await?)
        })
        .await
        .map_err(crate::process::error)?;
        *made = Some(superuser.to_owned());
    }
    Ok(name)
}

/// A test process cannot clean up at its end, so the next one does.
async fn drop_stale_templates(superuser: &str) -> Result<()> {
    let server = connect(superuser).await?;
    let query = "select datname::text from pg_database where datname like 'faults_template_%'";
    for row in server.query(query, &[]).await? {
        let name: String = row.get(0);
        let process = name.trim_start_matches("faults_template_");
        if !Path::new("/proc").join(process).exists() {
            provision::drop(&superuser.into(), &name).await.map_err(crate::process::error)?;
        }
    }
    Ok(())
}
