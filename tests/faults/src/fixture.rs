//! What a run needs: databases, a broker of its own, and processes.

pub mod finish;

use crate::databases::Databases;
use crate::history::{Entry, Recorder, Version, now};
use crate::process::Role;
use crate::process::write::Load;
use crate::supervise::Supervisor;
use crate::{event, folder, state};
use anyhow::{Context, Result, anyhow, bail};
use async_nats::HeaderMap;
use bus::{Bus, streams};
use contracts::Fact;
use pg::Db;
use stack::{Nats, Private, Profile, Stack};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Name of the run.
    pub name: String,
    /// Seed of what is random in it.
    pub seed: u64,
    /// The program whose processes are under test.
    pub program: PathBuf,
    /// Share of the machine that it takes, of [`SHARES`].
    pub shares: u32,
    /// URL of a PostgreSQL that may be killed; none: the one that all tests share.
    pub postgres: Option<String>,
}

/// Fixtures of the least size that run at the same time: more would only slow each other down.
pub const SHARES: u32 = 4;

/// How the servers of all fixtures of this process write; once it is set it stays.
static SERVERS: OnceLock<Profile> = OnceLock::new();

static MACHINE: Semaphore = Semaphore::const_new(SHARES as usize);

impl Setting {
    /// A run of the usual size.
    pub fn of(name: impl Into<String>, seed: u64, program: &Path) -> Self {
        let (name, program) = (name.into(), program.to_owned());
        Self { name, seed, program, shares: 1, postgres: None }
    }
}

/// Everything that a run needs; it ends with this handle.
pub struct Fixture {
    /// What is run.
    pub setting: Setting,
    /// The history that all is recorded in.
    pub recorder: Recorder,
    /// The broker.
    pub nats: Private<Nats>,
    /// Keeps the processes running.
    pub supervisor: Supervisor,
    /// Where the data is.
    pub databases: Databases,
    /// The broker, not through a proxy.
    pub bus: Bus,
    /// The publisher's database, not through a proxy.
    pub owner: Db,
    folder: PathBuf,
    begun: Instant,
    _share: SemaphorePermit<'static>,
}

/// The ports that a process connects to: of the servers themselves, or of a proxy before one.
#[derive(Debug, Clone, Copy)]
pub struct Through {
    /// For the broker.
    pub broker: u16,
    /// For the databases.
    pub database: u16,
}

/// Makes the servers flush to the disk, as in production, for figures that are to hold there. Those of tests do not, and are
/// faster: a killed process loses nothing by it.
pub fn write_through() {
    // A second call sets the same value.
    let _ = SERVERS.set(Profile::Development);
}

impl Fixture {
    /// Waits until the machine has room, and creates one without processes.
    pub async fn new(setting: Setting) -> Result<Self> {
        let share = MACHINE.acquire_many(setting.shares).await?;
        let tests = folder::of_runs()?;
        let servers = *SERVERS.get_or_init(|| Profile::Test);
        let superuser = match (&setting.postgres, servers) {
            (Some(url), _) => url.clone(),
            (None, Profile::Test) => {
                let stack = tests.parent().context("the folder of tests")?.join("stack");
                Stack::up(stack, servers).await?.postgres_url
            }
            (None, Profile::Development) => {
                Stack::up(tests.join("durable"), servers).await?.postgres_url
            }
        };
        let run = format!("{}-{}", setting.name, setting.seed);
        let history = tests.join(format!("{run}.jsonl"));
        let folder = tests.join(&run);
        // A run may have put a disk into its folder already, which stays.
        let _ = (std::fs::remove_file(&history), std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder)?;
        let recorder = Recorder::open(&history)?;
        recorder.add(&Entry::Run { name: setting.name.clone(), seed: setting.seed })?;
        let nats = Nats::spawn_private_with(&folder, servers.into()).await?;
        let databases = Databases::create(&superuser).await?;
        let bus = Bus::connect(&bus::Settings::of(nats.url())).await;
        let owner =
            crate::process::database(event::PUBLISHER, &databases.url(event::PUBLISHER), 4)?;
        Ok(Self {
            supervisor: Supervisor::new(&setting.program, &folder, recorder.clone()),
            bus: bus.map_err(crate::process::error)?,
            setting,
            recorder,
            nats,
            databases,
            owner,
            folder,
            begun: Instant::now(),
            _share: share,
        })
    }

    /// Starts a process that commits changes.
    pub fn start_writer(&self, load: &Load, failpoints: &str) -> Result<String> {
        let mut arguments = self.arguments(self.direct()?, &[]);
        arguments.push(format!("--database={}", self.databases.url(event::PUBLISHER)));
        arguments.extend(load.arguments());
        self.supervisor.start(Role::Write, arguments, failpoints)
    }

    /// Starts a process that relays.
    pub fn start_relay(&self, failpoints: &str) -> Result<String> {
        self.start_relay_through(self.direct()?, &[], failpoints)
    }

    /// Starts a process that relays, through proxies.
    pub fn start_relay_through(
        &self,
        through: Through,
        more: &[&str],
        failpoints: &str,
    ) -> Result<String> {
        let mut arguments = self.arguments(through, more);
        arguments.push(format!("--database={}", self.url(event::PUBLISHER, through)));
        self.supervisor.start(Role::Relay, arguments, failpoints)
    }

    /// Starts a process that consumes.
    pub fn start_consumer(&self, more: &[&str], failpoints: &str) -> Result<String> {
        self.start_consumer_through(self.direct()?, more, failpoints)
    }

    /// Starts a process that consumes, through proxies.
    pub fn start_consumer_through(
        &self,
        through: Through,
        more: &[&str],
        failpoints: &str,
    ) -> Result<String> {
        self.supervisor.start(Role::Consume, self.consumer_arguments(through, more), failpoints)
    }

    /// Starts a process that replays dead letters.
    pub fn start_replay(&self, failpoints: &str) -> Result<String> {
        let arguments = self.consumer_arguments(self.direct()?, &["--mended"]);
        self.supervisor.start(Role::Replay, arguments, failpoints)
    }

    /// Starts a process that has everything published again.
    pub fn start_republish(&self, failpoints: &str) -> Result<String> {
        let mut arguments = self.arguments(self.direct()?, &[]);
        arguments.push(format!("--database={}", self.databases.url(event::PUBLISHER)));
        self.supervisor.start(Role::Republish, arguments, failpoints)
    }

    /// The servers themselves.
    pub fn direct(&self) -> Result<Through> {
        Ok(Through { broker: self.nats.port(), database: self.databases.port()? })
    }

    fn consumer_arguments(&self, through: Through, more: &[&str]) -> Vec<String> {
        let mut arguments = self.arguments(through, more);
        arguments.push(format!("--search={}", self.url("search", through)));
        arguments.push(format!("--catalog={}", self.url("catalog", through)));
        arguments
    }

    fn arguments(&self, through: Through, more: &[&str]) -> Vec<String> {
        let broker = format!("--broker=nats://127.0.0.1:{}", through.broker);
        std::iter::once(broker).chain(more.iter().map(|more| (*more).to_owned())).collect()
    }

    fn url(&self, service: &str, through: Through) -> String {
        self.databases.url_through(service, through.database)
    }

    /// Commits facts from here, as a writer does, and with their aggregates.
    pub async fn commit(&self, facts: &[Fact]) -> Result<()> {
        let committed = self
            .owner
            .write("faults.commit", async |tx| pg::outbox::append(tx, facts.iter().cloned()).await);
        committed.await.map_err(crate::process::error)?;
        let version = |fact: &Fact| Version { key: fact.key.clone(), version: fact.version };
        let events: Vec<Version> = facts.iter().map(version).collect();
        self.raise_owner(&events).await?;
        self.recorder.add(&Entry::Committed { who: "run".to_owned(), events, at: now() })
    }

    /// Publishes events to the stream past the outbox; two of the same key and version are the same event. They have no
    /// message id, so the broker does not drop duplicates.
    pub async fn publish(&self, facts: &[Fact]) -> Result<()> {
        self.ensure_stream().await?;
        let mut sent = Vec::with_capacity(facts.len());
        for fact in facts {
            let (subject, payload) = (fact.subject, fact.payload.clone().into());
            let headers = event::envelope(fact)?.headers();
            sent.push(self.bus.jetstream().publish_with_headers(subject, headers, payload).await?);
        }
        for sent in sent {
            sent.await?;
        }
        Ok(())
    }

    /// Publishes anything to the stream, and returns its position there.
    pub async fn publish_raw(
        &self,
        subject: &str,
        headers: HeaderMap,
        payload: Vec<u8>,
    ) -> Result<u64> {
        let js = self.bus.jetstream();
        let sent = js.publish_with_headers(subject.to_owned(), headers, payload.into()).await?;
        Ok(sent.await?.sequence)
    }

    /// Creates the publisher's stream where no relay does.
    pub async fn ensure_stream(&self) -> Result<()> {
        let ensured = streams::ensure_events(&self.bus, event::PUBLISHER).await;
        ensured.map(|_| ()).map_err(crate::process::error)
    }

    /// Raises aggregates, in their owner's database, to at least these versions.
    pub async fn raise_owner(&self, owned: &[Version]) -> Result<()> {
        let client = self.databases.client(event::PUBLISHER).await?;
        let raise = "insert into aggregates as had (key, version)
                     select key, max(version) from unnest($1::text[], $2::bigint[]) as raised (key, version)
                     group by key
                     on conflict (key) do update set version = greatest(had.version, excluded.version)";
        let keys: Vec<&str> = owned.iter().map(|owned| owned.key.as_str()).collect();
        let versions: Vec<i64> = owned.iter().map(|owned| owned.version).collect();
        client.execute(raise, &[&keys, &versions]).await?;
        Ok(())
    }

    /// Begins another part of the run.
    pub fn phase(&self, name: &str) -> Result<()> {
        self.recorder.add(&Entry::Phase { name: name.to_owned(), at: now() })
    }

    /// Records that something was done to a server.
    pub fn record(&self, what: &str, who: &str) -> Result<()> {
        let done = Entry::Done { what: what.to_owned(), who: who.to_owned(), at: now() };
        self.recorder.add(&done)
    }

    /// Kills the broker and starts it again.
    pub async fn kill_broker(&mut self) -> Result<()> {
        self.record("kill", "broker")?;
        self.nats.restart().await
    }

    /// Kills the broker and starts it again with nothing.
    pub async fn lose_broker(&mut self) -> Result<()> {
        self.record("empty", "broker")?;
        self.nats.kill().await?;
        std::fs::remove_dir_all(self.folder.join("nats/store"))?;
        self.nats.restart().await
    }

    /// Waits until the condition holds, and checks it so often that the run takes no longer for it.
    pub async fn until(
        &self,
        what: &str,
        timeout: Duration,
        holds: impl AsyncFnMut() -> Result<bool>,
    ) -> Result<()> {
        self.until_every(Duration::from_millis(20), what, timeout, holds).await
    }

    /// The same for a query that takes the servers long, so that it is not to be made often.
    pub async fn until_every(
        &self,
        pause: Duration,
        what: &str,
        timeout: Duration,
        mut holds: impl AsyncFnMut() -> Result<bool>,
    ) -> Result<()> {
        let begun = Instant::now();
        loop {
            let answer = holds().await;
            if let Ok(true) = answer {
                return Ok(());
            }
            if timeout < begun.elapsed() {
                let failed = answer.err().map(|error| format!(": {error:#}")).unwrap_or_default();
                return Err(self.explain(anyhow!("waited {timeout:?} in vain: {what}{failed}")));
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Waits until so many events are committed.
    pub async fn until_committed(&self, events: u64, timeout: Duration) -> Result<()> {
        let client = self.databases.client(event::PUBLISHER).await?;
        let what = format!("{events} events are committed");
        let holds = async || {
            let sum = "select coalesce(sum(written), 0)::bigint from written";
            let written: i64 = client.query_one(sum, &[]).await?.get(0);
            Ok(written.unsigned_abs() >= events)
        };
        self.until(&what, timeout, holds).await
    }

    /// Waits until all events are committed, published and handled.
    pub async fn quiet(&self, timeout: Duration) -> Result<()> {
        let begun = Instant::now();
        let mut open;
        loop {
            let ends = [Role::Write, Role::Replay, Role::Republish];
            open = match ends.into_iter().all(|role| self.supervisor.are_done(role)) {
                false => Some("not all is committed".to_owned()),
                true => state::unfinished(&self.databases, &self.bus)
                    .await
                    .unwrap_or_else(|error| Some(format!("{error:#}"))),
            };
            let Some(open) = open else { return Ok(()) };
            if timeout < begun.elapsed() {
                bail!(self.explain(anyhow!("not quiet after {timeout:?}: {open}")));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until every process runs that has not ended by itself, and a moment longer for what it does first.
    pub async fn until_all_are_back(&self) -> Result<()> {
        let back = async || Ok(self.supervisor.all_run());
        self.until("all are back", Duration::from_secs(60), back).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(())
    }

    /// One number from a service's database.
    pub async fn query(&self, service: &str, query: &str) -> Result<i64> {
        let client = self.databases.client(service).await?;
        Ok(client.query_one(query, &[]).await?.get(0))
    }
}
