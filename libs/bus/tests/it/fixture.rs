//! What a test runs on: pricing publishes, search consumes.

use async_nats::jetstream::stream::Stream;
use bus::{Bus, Consumers, Relay, RelayTuning, Tuning, streams};
use contracts::{Event, Fact};
use diesel::sql_types::{BigInt, Binary, Text, Uuid as SqlUuid};
use diesel::{QueryableByName, sql_query};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use fault::Fault;
use pg::{Db, outbox, provision};
use pricing_api::v1::{Item, Price, PriceUpdated, item::Name};
use secrecy::SecretString;
use stack::{Nats, Private};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use testbed::{Servers, Template};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Far longer than anything takes, so that a busy machine fails no test.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The shared tables, and one for effects.
const TEMPLATE: Template = Template::shared(
    "create table seen (number bigint generated always as identity, key text, version bigint)",
);

/// Waits until the condition holds.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < TIMEOUT, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Servers, databases and the broker of one test.
pub struct Fixture {
    pub pricing: Db,
    pub search: Db,
    pub bus: Bus,
    pub nats: Private<Nats>,
    folder: PathBuf,
    databases: Vec<String>,
    superuser: SecretString,
}

/// Work that a test has started.
pub struct Running {
    pub stop: CancellationToken,
    task: JoinHandle<Result<(), Fault>>,
}

impl Running {
    fn start<F>(work: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        let stop = CancellationToken::new();
        Self { task: tokio::spawn(work(stop.clone())), stop }
    }

    /// Ends it as a process ends, and expects no failure.
    pub async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(TIMEOUT, self.task).await.unwrap().unwrap().unwrap();
    }

    /// Ends it as a crash does.
    pub async fn crash(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Waits for its own end and returns the fault.
    pub async fn fails(self) -> Fault {
        tokio::time::timeout(TIMEOUT, self.task).await.unwrap().unwrap().unwrap_err()
    }
}

/// A row of the outbox, as far as tests look at it.
#[derive(Debug, QueryableByName)]
pub struct OutboxRow {
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pub attempts: i32,
    #[diesel(sql_type = diesel::sql_types::Nullable<BigInt>)]
    pub published_seq: Option<i64>,
    #[diesel(sql_type = diesel::sql_types::Nullable<Text>)]
    pub last_error: Option<String>,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl Fixture {
    pub async fn new() -> Self {
        let servers = Servers::up().await;
        let test = Uuid::now_v7().simple().to_string();
        let folder = testbed::folder().join("bus").join(&test);
        std::fs::create_dir_all(&folder).unwrap();
        let nats = Nats::spawn_private(&folder).await.unwrap();
        let mut databases = Vec::new();
        for service in ["pricing", "search"] {
            let name = format!("bus_{test}_{service}");
            servers.database(&TEMPLATE, &name).await;
            databases.push(name);
        }
        let db = |service, index: usize| {
            Db::new(service, pg::Settings::of(servers.url_of(&databases[index]))).unwrap()
        };
        let (pricing, search) = (db("pricing", 0), db("search", 1));
        let bus = Bus::connect(&bus::Settings::of(nats.url())).await.unwrap();
        let superuser = servers.superuser;
        Self { pricing, search, bus, nats, folder, databases, superuser }
    }

    /// Another process of pricing: a pool and a connection of its own.
    pub async fn other_pricing(&self) -> (Db, Bus) {
        let settings = pg::Settings::of(self.pricing.url().clone());
        let bus = Bus::connect(&bus::Settings::of(self.nats.url())).await.unwrap();
        (Db::new("pricing", settings).unwrap(), bus)
    }

    pub fn relay(&self) -> Running {
        relay(&self.pricing, &self.bus, RelayTuning::default())
    }

    /// The consumers of search at the pace of tests; handlers are to be added.
    pub fn consumers(&self) -> Consumers {
        let tuning = Tuning {
            ack_wait: Duration::from_secs(2),
            retry: Duration::from_millis(20),
            ..Tuning::default()
        };
        Consumers::new(self.search.clone(), self.bus.clone()).tuned(tuning)
    }

    /// Commits events in one transaction of pricing.
    pub async fn commit_events<E: Event>(&self, events: &[E]) {
        commit_events(&self.pricing, events).await;
    }

    /// Puts a message into pricing's stream past the outbox.
    pub async fn publish_raw(
        &self,
        subject: &str,
        headers: async_nats::HeaderMap,
        payload: Vec<u8>,
    ) {
        streams::ensure_events(&self.bus, "pricing").await.unwrap();
        let js = self.bus.jetstream();
        let sent = js.publish_with_headers(subject.to_owned(), headers, payload.into()).await;
        sent.unwrap().await.unwrap();
    }

    /// Pricing's stream.
    pub async fn stream(&self) -> Stream {
        streams::ensure_events(&self.bus, "pricing").await.unwrap();
        self.bus.jetstream().get_stream("PRICING").await.unwrap()
    }

    /// Ids of all messages of pricing's stream, in order.
    pub async fn stored(&self) -> Vec<Uuid> {
        let stream = self.stream().await;
        let mut ids = Vec::new();
        for sequence in 1..=stream.cached_info().state.last_sequence {
            let message = stream.get_raw_message(sequence).await.unwrap();
            ids.push(message.headers.get("ce-id").unwrap().as_str().parse().unwrap());
        }
        ids
    }

    pub async fn outbox(&self) -> Vec<OutboxRow> {
        self.pricing
            .read("test.outbox", async |tx| {
                let rows = sql_query(
                    "select id, attempts, published_seq, last_error from outbox order by seq",
                );
                Ok(rows.get_results(tx.conn()).await?)
            })
            .await
            .unwrap()
    }

    /// Inserts an outbox row that `append` would not write.
    pub async fn insert_outbox_row(
        &self,
        subject: &str,
        key: &str,
        version: i64,
        payload: Vec<u8>,
    ) {
        self.pricing
            .write("test.force", async |tx| {
                sql_query(
                    "insert into outbox (id, subject, message, key, version, payload, headers)
                     values ($1, $2, 'souk.pricing.v1.PriceUpdated', $3, $4, $5, '{}')",
                )
                .bind::<SqlUuid, _>(Uuid::now_v7())
                .bind::<Text, _>(subject)
                .bind::<Text, _>(key)
                .bind::<BigInt, _>(version)
                .bind::<Binary, _>(&payload)
                .execute(tx.conn())
                .await?;
                Ok(())
            })
            .await
            .unwrap();
    }

    /// Copies what the broker has, as a backup does while it is stopped.
    pub async fn back_up_broker(&mut self) {
        self.nats.stop().await.unwrap();
        copy(&self.folder.join("nats/store"), &self.folder.join("backup"));
        self.nats.restart().await.unwrap();
    }

    /// Stops the broker and replaces its data by the backup; the caller starts it again.
    pub async fn restore_backup(&mut self) {
        self.nats.stop().await.unwrap();
        std::fs::remove_dir_all(self.folder.join("nats/store")).unwrap();
        copy(&self.folder.join("backup"), &self.folder.join("nats/store"));
    }

    /// Takes search's database away, or brings it back.
    pub async fn allow_search_database(&self, allowed: bool) {
        self.alter(&self.search, &format!("allow_connections {allowed}")).await;
    }

    /// Makes a service's database refuse every write, as a former primary does, or take them again.
    pub async fn read_only(&self, of: &Db, read_only: bool) {
        self.alter(of, &format!("set default_transaction_read_only = {read_only}")).await;
        of.renew();
    }

    /// Changes a service's database, and ends the sessions that began before.
    async fn alter(&self, of: &Db, change: &str) {
        let url = self.superuser.clone();
        let server = Db::new("postgres", pg::Settings::of(url)).unwrap();
        let name = &self.databases[usize::from(of.service() == "search")];
        server
            .read("test.alter", async move |tx| {
                let alter = format!("alter database \"{name}\" {change}");
                tx.conn().batch_execute(&alter).await?;
                let end =
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1";
                sql_query(end).bind::<Text, _>(name).execute(tx.conn()).await?;
                Ok(())
            })
            .await
            .unwrap();
    }

    pub async fn all_published(&self) -> bool {
        count(&self.pricing, "select count(*) from outbox where published_at is null").await == 0
    }

    /// How many effects search has committed.
    pub async fn effects(&self) -> i64 {
        count(&self.search, "select count(*) from seen").await
    }

    pub async fn count(&self, query: &str) -> i64 {
        count(&self.search, query).await
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let (superuser, names) = (self.superuser.clone(), std::mem::take(&mut self.databases));
        // A runtime of its own on a thread of its own: drop runs inside a test's runtime.
        let dropped = std::thread::spawn(move || {
            tokio::runtime::Runtime::new().unwrap().block_on(async {
                for name in names {
                    let _ = provision::drop(&superuser, &name).await;
                }
            });
        });
        let _ = dropped.join();
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

pub fn relay(db: &Db, bus: &Bus, tuning: RelayTuning) -> Running {
    let relay = Relay::new(db.clone(), bus.clone()).tuned(tuning);
    Running::start(|stop| relay.run(stop))
}

pub fn consume(consumers: Consumers) -> Running {
    Running::start(|stop| consumers.run(stop))
}

pub async fn commit_events<E: Event>(db: &Db, events: &[E]) {
    let facts: Vec<Fact> = events.iter().map(Fact::from).collect();
    let facts = &facts;
    db.write("test.commit_events", async move |tx| outbox::append(tx, facts.iter().cloned()).await)
        .await
        .unwrap();
}

pub async fn count(db: &Db, query: &str) -> i64 {
    db.read("test.count", async move |tx| {
        let count: Count = sql_query(query).get_result(tx.conn()).await?;
        Ok(count.count)
    })
    .await
    .unwrap()
}

/// A price with this id and version.
pub fn price(id: Uuid, version: i64) -> PriceUpdated {
    let price = Price {
        price_id: id.to_string(),
        item: Some(Item { name: Some(Name::Sku("sku".into())) }),
        version,
        ..Price::default()
    };
    PriceUpdated { price: Some(price), changed: Vec::new() }
}

/// Prices of new ids.
pub fn prices(count: usize) -> Vec<PriceUpdated> {
    (0..count).map(|_| price(Uuid::now_v7(), 1)).collect()
}
