//! What a run happens in: databases, a broker of its own, and processes.

mod finish;

use crate::databases::Databases;
use crate::history::{Entry, Recorder, Version, now};
use crate::process::Role;
use crate::process::say::Load;
use crate::supervise::Supervisor;
use crate::{event, state};
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

pub use finish::Finished;

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

/// Worlds of the least size that run at the same time: more would only wait for each other.
pub const SHARES: u32 = 4;

/// How the servers of all worlds of this process write; once it is set it stays.
static SERVERS: OnceLock<Profile> = OnceLock::new();

static MACHINE: Semaphore = Semaphore::const_new(SHARES as usize);

impl Setting {
    /// A run of the usual size.
    pub fn of(name: impl Into<String>, seed: u64, program: &Path) -> Self {
        let (name, program) = (name.into(), program.to_owned());
        Self { name, seed, program, shares: 1, postgres: None }
    }
}

/// Everything that a run happens in; it ends with this handle.
pub struct World {
    /// What is run.
    pub setting: Setting,
    /// Where all is written down.
    pub recorder: Recorder,
    /// The broker.
    pub nats: Private<Nats>,
    /// Who keeps the processes running.
    pub supervisor: Supervisor,
    /// Where the data is.
    pub databases: Databases,
    /// The broker, past every bad network.
    pub bus: Bus,
    /// The publisher's database, past every bad network.
    pub owner: Db,
    folder: PathBuf,
    begun: Instant,
    _share: SemaphorePermit<'static>,
}

/// The ports that a process connects to: of the servers themselves, or of a network before one.
#[derive(Debug, Clone, Copy)]
pub struct Through {
    /// For the broker.
    pub broker: u16,
    /// For the databases.
    pub database: u16,
}

/// Where runs leave their histories and logs.
pub fn folder() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.souk/test/faults");
    std::fs::create_dir_all(&folder)?;
    Ok(folder.canonicalize()?)
}

/// Has the servers write through to the disk, as in production, for figures that are to hold there. Those of tests do not, and
/// are faster: a process that is killed loses nothing by it.
pub fn write_through() {
    // Whoever asks twice asks for the same.
    let _ = SERVERS.set(Profile::Development);
}

impl World {
    /// Waits until the machine has room, and makes one without processes.
    pub async fn new(setting: Setting) -> Result<Self> {
        let share = MACHINE.acquire_many(setting.shares).await?;
        let tests = folder()?;
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
            bus: bus.map_err(crate::process::told)?,
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

    /// Starts a process that says something.
    pub fn say(&self, load: &Load, failpoints: &str) -> Result<String> {
        let mut arguments = self.arguments(self.usual()?, &[]);
        arguments.push(format!("--database={}", self.databases.url(event::PUBLISHER)));
        arguments.extend(load.arguments());
        self.supervisor.start(Role::Say, arguments, failpoints)
    }

    /// Starts a process that relays.
    pub fn relay(&self, failpoints: &str) -> Result<String> {
        self.relay_through(self.usual()?, &[], failpoints)
    }

    /// Starts a process that relays, through other networks.
    pub fn relay_through(
        &self,
        through: Through,
        more: &[&str],
        failpoints: &str,
    ) -> Result<String> {
        let mut arguments = self.arguments(through, more);
        arguments.push(format!("--database={}", self.url(event::PUBLISHER, through)));
        self.supervisor.start(Role::Relay, arguments, failpoints)
    }

    /// Starts a process that listens.
    pub fn listen(&self, more: &[&str], failpoints: &str) -> Result<String> {
        self.listen_through(self.usual()?, more, failpoints)
    }

    /// Starts a process that listens, through other networks.
    pub fn listen_through(
        &self,
        through: Through,
        more: &[&str],
        failpoints: &str,
    ) -> Result<String> {
        self.supervisor.start(Role::Listen, self.listening(through, more), failpoints)
    }

    /// Starts a process that replays dead letters.
    pub fn replay(&self, failpoints: &str) -> Result<String> {
        let arguments = self.listening(self.usual()?, &["--mended"]);
        self.supervisor.start(Role::Replay, arguments, failpoints)
    }

    /// Starts a process that has everything published again.
    pub fn republish(&self, failpoints: &str) -> Result<String> {
        let mut arguments = self.arguments(self.usual()?, &[]);
        arguments.push(format!("--database={}", self.databases.url(event::PUBLISHER)));
        self.supervisor.start(Role::Republish, arguments, failpoints)
    }

    /// The servers themselves.
    pub fn usual(&self) -> Result<Through> {
        Ok(Through { broker: self.nats.port(), database: self.databases.port()? })
    }

    fn listening(&self, through: Through, more: &[&str]) -> Vec<String> {
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
        committed.await.map_err(crate::process::told)?;
        let said = |fact: &Fact| Version { key: fact.key.clone(), version: fact.version };
        let events: Vec<Version> = facts.iter().map(said).collect();
        self.own(&events).await?;
        self.recorder.add(&Entry::Said { who: "run".to_owned(), events, at: now() })
    }

    /// Puts events into the stream past the outbox; two of the same key and version are the same event. The broker is given
    /// no id by which it could know one again.
    pub async fn publish(&self, facts: &[Fact]) -> Result<()> {
        self.make_stream().await?;
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

    /// Puts anything into the stream, and returns its position there.
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

    /// Makes the publisher's stream where no relay does.
    pub async fn make_stream(&self) -> Result<()> {
        let made = streams::ensure_events(&self.bus, event::PUBLISHER).await;
        made.map(|_| ()).map_err(crate::process::told)
    }

    /// Says of aggregates, in their owner's database, that they have at least these versions.
    pub async fn own(&self, said: &[Version]) -> Result<()> {
        let client = self.databases.client(event::PUBLISHER).await?;
        let raise = "insert into aggregates as had (key, version)
                     select key, max(version) from unnest($1::text[], $2::bigint[]) as said (key, version)
                     group by key
                     on conflict (key) do update set version = greatest(had.version, excluded.version)";
        let keys: Vec<&str> = said.iter().map(|said| said.key.as_str()).collect();
        let versions: Vec<i64> = said.iter().map(|said| said.version).collect();
        client.execute(raise, &[&keys, &versions]).await?;
        Ok(())
    }

    /// Begins another part of the run.
    pub fn phase(&self, name: &str) -> Result<()> {
        self.recorder.add(&Entry::Phase { name: name.to_owned(), at: now() })
    }

    /// Writes down that something was done to a server.
    pub fn done(&self, what: &str, who: &str) -> Result<()> {
        let done = Entry::Done { what: what.to_owned(), who: who.to_owned(), at: now() };
        self.recorder.add(&done)
    }

    /// Kills the broker and starts it again.
    pub async fn kill_broker(&mut self) -> Result<()> {
        self.done("kill", "broker")?;
        self.nats.restart().await
    }

    /// Kills the broker and starts it again with nothing.
    pub async fn lose_broker(&mut self) -> Result<()> {
        self.done("empty", "broker")?;
        self.nats.kill().await?;
        std::fs::remove_dir_all(self.folder.join("nats/store"))?;
        self.nats.restart().await
    }

    /// Waits until the answer is yes, and asks so often that nothing is made longer by it.
    pub async fn until(
        &self,
        what: &str,
        patience: Duration,
        ask: impl AsyncFnMut() -> Result<bool>,
    ) -> Result<()> {
        self.until_every(Duration::from_millis(20), what, patience, ask).await
    }

    /// The same for a question that takes the servers so long that it is not to be asked often.
    pub async fn until_every(
        &self,
        pause: Duration,
        what: &str,
        patience: Duration,
        mut ask: impl AsyncFnMut() -> Result<bool>,
    ) -> Result<()> {
        let begun = Instant::now();
        loop {
            let asked = ask().await;
            if let Ok(true) = asked {
                return Ok(());
            }
            if patience < begun.elapsed() {
                let failed = asked.err().map(|error| format!(": {error:#}")).unwrap_or_default();
                return Err(self.explain(anyhow!("waited {patience:?} in vain: {what}{failed}")));
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Waits until so many events are said.
    pub async fn until_said(&self, events: u64, patience: Duration) -> Result<()> {
        let client = self.databases.client(event::PUBLISHER).await?;
        let what = format!("{events} events are said");
        let ask = async || {
            let sum = "select coalesce(sum(said), 0)::bigint from said";
            let said: i64 = client.query_one(sum, &[]).await?.get(0);
            Ok(said.unsigned_abs() >= events)
        };
        self.until(&what, patience, ask).await
    }

    /// Waits until everything that was to be said is said, published and handled.
    pub async fn quiet(&self, patience: Duration) -> Result<()> {
        let begun = Instant::now();
        let mut open;
        loop {
            let ends = [Role::Say, Role::Replay, Role::Republish];
            open = match ends.into_iter().all(|role| self.supervisor.are_done(role)) {
                false => Some("not all is said".to_owned()),
                true => state::unfinished(&self.databases, &self.bus)
                    .await
                    .unwrap_or_else(|error| Some(format!("{error:#}"))),
            };
            let Some(open) = open else { return Ok(()) };
            if patience < begun.elapsed() {
                bail!(self.explain(anyhow!("not quiet after {patience:?}: {open}")));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until every process runs that has not ended by itself, and has had a moment for what it does first.
    pub async fn until_all_are_back(&self) -> Result<()> {
        let back = async || Ok(self.supervisor.all_run());
        self.until("all are back", Duration::from_secs(60), back).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(())
    }

    /// One number that a service's database knows.
    pub async fn ask(&self, service: &str, question: &str) -> Result<i64> {
        let client = self.databases.client(service).await?;
        Ok(client.query_one(question, &[]).await?.get(0))
    }
}
