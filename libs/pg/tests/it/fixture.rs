//! The database of a test, with the shared tables and a table for effects.

use contracts::Fact;
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use fault::{Common, Fault, Kind};
use pg::{Db, Settings, Tx, provision};
use pricing_api::v1::{Item, Price, PriceUpdated, SetPriceRequest, SetPriceResponse, item::Name};
use secrecy::{ExposeSecret, SecretString};
use std::time::{Duration, Instant};
use testbed::{Servers, Template};
use uuid::Uuid;

/// Longer than any step takes, even on a busy machine.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// The shared tables, and one for effects.
const TEMPLATE: Template =
    Template::shared("create table effects (key text not null, value bigint not null default 0)");

/// Polls until the condition holds.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < MAX_WAIT, "timed out: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Fails if the work does not end within the maximal wait.
pub async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(MAX_WAIT, work).await;
    assert!(done.is_ok(), "timed out: {what}");
    done.unwrap()
}

/// The database of one test.
pub struct Fixture {
    /// The pool under test.
    pub db: Db,
    /// A pool of its own for assertions, so that they do not depend on the pool under test.
    pub observer: Db,
    pub superuser: SecretString,
    databases: Vec<String>,
}

impl Fixture {
    pub async fn new() -> Self {
        let servers = Servers::up().await;
        let name = format!("libpg_{}", Uuid::now_v7().simple());
        let url = servers.database(&TEMPLATE, &name).await;
        let superuser = servers.superuser;
        let db = Db::new("pricing", Settings::of(url.clone())).unwrap();
        let observer = Db::new("observer", Settings::of(url)).unwrap();
        Self { db, observer, superuser, databases: vec![name] }
    }

    /// Another process of the same service, with settings of its own.
    pub fn other(&self, change: impl FnOnce(&mut Settings)) -> Db {
        let mut settings = Settings::of(self.db.url().clone());
        change(&mut settings);
        Db::new("pricing", settings).unwrap()
    }

    /// A new database name; the fixture drops that database too.
    pub fn new_name(&mut self) -> String {
        let name = format!("libpg_{}", Uuid::now_v7().simple());
        self.databases.push(name.clone());
        name
    }

    /// The URL of another database of the same server.
    pub fn url_of(&self, database: &str) -> SecretString {
        provision::at(self.superuser.expose_secret(), database).into()
    }

    /// The URL of another database of the same server, as this role.
    pub fn url_as(&self, role: &str, database: &str) -> SecretString {
        let url = self.url_of(database);
        let (scheme, address) = url.expose_secret().split_once("://").unwrap();
        let address = address.rsplit_once('@').map_or(address, |(_, server)| server);
        format!("{scheme}://{role}:secret@{address}").into()
    }

    pub async fn execute(&self, sql: &str) {
        let done = self.observer.read("test.execute", async |tx| execute(tx, sql).await);
        done.await.unwrap();
    }

    pub async fn count(&self, query: &str) -> i64 {
        count(&self.observer, query).await
    }

    /// The column `text` of all rows.
    pub async fn texts(&self, query: &str) -> Vec<String> {
        texts(&self.observer, query).await
    }

    /// How many effects are committed.
    pub async fn effects(&self) -> i64 {
        self.count("select count(*) from effects").await
    }

    /// How many connections of this database wait for a lock.
    pub async fn waiting(&self) -> i64 {
        self.count(
            "select count(*) from pg_stat_activity
             where datname = current_database() and wait_event_type = 'Lock'",
        )
        .await
    }

    /// How many clients' connections of this database are in this state: `active`, `idle in transaction`, … The server's own
    /// background workers are not counted.
    pub async fn connections(&self, state: &str) -> i64 {
        self.count(&format!(
            "select count(*) from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid()
               and backend_type = 'client backend' and state = '{state}'"
        ))
        .await
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let (superuser, names) = (self.superuser.clone(), std::mem::take(&mut self.databases));
        // On a thread with its own runtime, because drop runs inside the runtime of a test.
        let dropped = std::thread::spawn(move || {
            tokio::runtime::Runtime::new().unwrap().block_on(async {
                let server = Db::new("postgres", Settings::of(superuser.clone())).unwrap();
                for name in names {
                    let _ = provision::drop(&superuser, &name).await;
                    let role = format!("drop role if exists \"{name}\"");
                    let _ = server.read("test.drop", async |tx| execute(tx, &role).await).await;
                }
            });
        });
        let _ = dropped.join();
    }
}

/// Runs one or several statements.
pub async fn execute(tx: &mut Tx, sql: &str) -> Result<(), Fault> {
    Ok(tx.conn().batch_execute(sql).await?)
}

/// Writes one row into `effects`.
pub async fn effect(tx: &mut Tx, key: &str) -> Result<(), Fault> {
    let insert = sql_query("insert into effects (key) values ($1)").bind::<Text, _>(key);
    insert.execute(tx.conn()).await?;
    Ok(())
}

/// The column `count` of a query with one row.
pub async fn number(tx: &mut Tx, query: &str) -> Result<i64, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let row: Row = sql_query(query).get_result(tx.conn()).await?;
    Ok(row.count)
}

/// Pid of the server process of this connection.
pub async fn backend(tx: &mut Tx) -> Result<i64, Fault> {
    number(tx, "select pg_backend_pid()::bigint as count").await
}

pub async fn count(db: &Db, query: &str) -> i64 {
    db.read("test.count", async |tx| number(tx, query).await).await.unwrap()
}

async fn texts(db: &Db, query: &str) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        text: String,
    }
    let rows: Vec<Row> = db
        .read("test.texts", async |tx| Ok(sql_query(query).get_results(tx.conn()).await?))
        .await
        .unwrap();
    rows.into_iter().map(|row| row.text).collect()
}

/// A fault of the domain, which is not retried.
pub fn refusal() -> Fault {
    let fault = Fault::new(Common::InvalidField, "not like this");
    assert_ne!(fault.kind(), Kind::Unavailable);
    fault
}

/// A `PriceUpdated` of this version.
pub fn fact(id: Uuid, version: i64) -> Fact {
    Fact::from(&PriceUpdated { price: Some(price(id, version)), changed: Vec::new() })
}

/// A price of this version.
pub fn price(id: Uuid, version: i64) -> Price {
    Price {
        price_id: id.to_string(),
        item: Some(Item { name: Some(Name::Sku("sku".into())) }),
        version,
        ..Price::default()
    }
}

/// A mutating call; `body` distinguishes calls with the same id.
pub fn request(request_id: &str, body: i64) -> SetPriceRequest {
    SetPriceRequest { expected_version: Some(body), request_id: request_id.into(), price: None }
}

/// A unique answer.
pub fn answer() -> SetPriceResponse {
    let price = Price { price_id: Uuid::now_v7().to_string(), ..Price::default() };
    SetPriceResponse { price: Some(price) }
}
