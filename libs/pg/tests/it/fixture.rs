//! What a test runs on: a database with the shared tables and one table to have effects in.

use contracts::Fact;
use contracts::pricing::v1::{
    Item, Price, PriceUpdated, SetPriceRequest, SetPriceResponse, item::Name,
};
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use fault::{Common, Fault, Kind};
use pg::{Db, Settings, Tx, migrate, provision};
use secrecy::{ExposeSecret, SecretString};
use stack::{Profile, Stack};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;
use uuid::Uuid;

/// Far more than anything takes: a busy machine is no failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until the answer is yes.
pub async fn eventually(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !ask().await {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Fails where something hangs that must not.
pub async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(PATIENCE, work).await;
    assert!(done.is_ok(), "waited in vain: {what}");
    done.unwrap()
}

/// The database of one test.
pub struct World {
    /// What is tested.
    pub db: Db,
    /// Who looks at it from outside: connections of its own, so that a broken pool shows.
    pub observer: Db,
    pub superuser: SecretString,
    databases: Vec<String>,
}

impl World {
    pub async fn new() -> Self {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.souk/test");
        std::fs::create_dir_all(&tests).unwrap();
        let tests = tests.canonicalize().unwrap();
        let stack = Stack::up(tests.join("stack"), Profile::Test).await.unwrap();
        let superuser: SecretString = stack.postgres_url.into();
        let name = format!("libpg_{}", Uuid::now_v7().simple());
        let template = template(&superuser).await;
        provision::copy(&superuser, template, &name, "postgres").await.unwrap();
        let url: SecretString = provision::at(superuser.expose_secret(), &name).into();
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

    /// A name that no database has yet; what is made under it goes with the world.
    pub fn new_name(&mut self) -> String {
        let name = format!("libpg_{}", Uuid::now_v7().simple());
        self.databases.push(name.clone());
        name
    }

    /// The URL of another database of the same server.
    pub fn url_of(&self, database: &str) -> SecretString {
        provision::at(self.superuser.expose_secret(), database).into()
    }

    pub async fn execute(&self, sql: &str) {
        let done = self.observer.read("test.execute", async |tx| execute(tx, sql).await);
        done.await.unwrap();
    }

    pub async fn count(&self, question: &str) -> i64 {
        count(&self.observer, question).await
    }

    /// One column of texts.
    pub async fn texts(&self, question: &str) -> Vec<String> {
        texts(&self.observer, question).await
    }

    /// How many effects are committed.
    pub async fn effects(&self) -> i64 {
        self.count("select count(*) from effects").await
    }

    /// How many connections of this database wait for a lock that somebody else has.
    pub async fn waiting(&self) -> i64 {
        self.count(
            "select count(*) from pg_stat_activity
             where datname = current_database() and wait_event_type = 'Lock'",
        )
        .await
    }

    /// How many clients' connections of this database are in this state: `active`, `idle in transaction`, … The server's own
    /// workers are there whenever it thinks that it is time.
    pub async fn connections(&self, state: &str) -> i64 {
        self.count(&format!(
            "select count(*) from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid()
               and backend_type = 'client backend' and state = '{state}'"
        ))
        .await
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let (superuser, names) = (self.superuser.clone(), std::mem::take(&mut self.databases));
        // A runtime of its own on a thread of its own: drop runs inside a test's runtime.
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

/// A database with the shared tables and the one that tests have effects in, made once per process.
async fn template(superuser: &SecretString) -> &'static str {
    static MADE: OnceCell<String> = OnceCell::const_new();
    MADE.get_or_init(async || {
        let name = format!("libpg_template_{}", std::process::id());
        drop_templates_of_the_dead(superuser).await;
        provision::copy(superuser, "template1", &name, "postgres").await.unwrap();
        let url: SecretString = provision::at(superuser.expose_secret(), &name).into();
        migrate::run(&url, migrate::SHARED).await.unwrap();
        let db = Db::new("template", Settings::of(url)).unwrap();
        let effects = "create table effects (key text not null, value bigint not null default 0)";
        db.read("test.template", async |tx| execute(tx, effects).await).await.unwrap();
        name
    })
    .await
}

/// Nothing runs at the end of a test process, so the next one cleans up.
async fn drop_templates_of_the_dead(superuser: &SecretString) {
    let server = Db::new("postgres", Settings::of(superuser.clone())).unwrap();
    let ask = "select datname::text as text from pg_database where datname like 'libpg_template_%'";
    for name in texts(&server, ask).await {
        let process = name.trim_start_matches("libpg_template_");
        if !Path::new("/proc").join(process).exists() {
            // Two test processes may find the same one.
            let _ = provision::drop(superuser, &name).await;
        }
    }
}

/// Runs statements; several are fine.
pub async fn execute(tx: &mut Tx, sql: &str) -> Result<(), Fault> {
    Ok(tx.conn().batch_execute(sql).await?)
}

/// An effect of a unit of work.
pub async fn effect(tx: &mut Tx, key: &str) -> Result<(), Fault> {
    let insert = sql_query("insert into effects (key) values ($1)").bind::<Text, _>(key);
    insert.execute(tx.conn()).await?;
    Ok(())
}

/// The number that a question gives in its column `count`.
pub async fn number(tx: &mut Tx, question: &str) -> Result<i64, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let row: Row = sql_query(question).get_result(tx.conn()).await?;
    Ok(row.count)
}

/// The process that serves this connection.
pub async fn backend(tx: &mut Tx) -> Result<i64, Fault> {
    number(tx, "select pg_backend_pid()::bigint as count").await
}

pub async fn count(db: &Db, question: &str) -> i64 {
    db.read("test.count", async |tx| number(tx, question).await).await.unwrap()
}

async fn texts(db: &Db, question: &str) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        text: String,
    }
    let rows: Vec<Row> = db
        .read("test.texts", async |tx| Ok(sql_query(question).get_results(tx.conn()).await?))
        .await
        .unwrap();
    rows.into_iter().map(|row| row.text).collect()
}

/// A refusal as a domain would make one: no trouble, so nothing to do again.
pub fn refusal() -> Fault {
    let fault = Fault::new(Common::InvalidField, "not like this");
    assert_ne!(fault.kind(), Kind::Unavailable);
    fault
}

/// The fact that a price has this version.
pub fn fact(id: Uuid, version: i64) -> Fact {
    let price = Price {
        price_id: id.to_string(),
        item: Some(Item { name: Some(Name::Sku("sku".into())) }),
        version,
        ..Price::default()
    };
    Fact::from(&PriceUpdated { price: Some(price), changed: Vec::new() })
}

/// A mutating call; `body` tells calls of the same id apart.
pub fn request(request_id: &str, body: i64) -> SetPriceRequest {
    SetPriceRequest { expected_version: Some(body), request_id: request_id.into(), price: None }
}

/// An answer that is like no other.
pub fn answer() -> SetPriceResponse {
    let price = Price { price_id: Uuid::now_v7().to_string(), ..Price::default() };
    SetPriceResponse { price: Some(price) }
}
