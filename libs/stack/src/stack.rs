//! The three servers of a folder.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::lock::Lock;
use crate::nats::Nats;
use crate::postgres::Postgres;
use crate::record::{Entry, Profile, Record};
use crate::redis::Redis;
use crate::server::{Server, alive, ensure};

/// Running servers. The handle owns nothing: dropping it leaves them running.
#[derive(Clone, PartialEq, Eq)]
pub struct Stack {
    /// URL of the database `postgres` for the superuser.
    pub postgres_url: String,
    /// Redis, database 0 of 256.
    pub redis_url: String,
    /// NATS, for development with its user and password.
    pub nats_url: String,
    /// The processes, in the order in which they were started.
    pub running: [Running; 3],
}

/// One server's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// `postgres`, `redis` or `nats`.
    pub name: &'static str,
    /// Its process; for PostgreSQL the parent process.
    pub pid: u32,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

/// Status of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// `postgres`, `redis` or `nats`.
    pub name: &'static str,
    /// Its process, if it runs.
    pub pid: Option<u32>,
    /// Its port on 127.0.0.1; if it is stopped, the port that it will use again if that is free.
    pub port: Option<u16>,
    /// Where its output goes.
    pub log: PathBuf,
}

impl fmt::Debug for Stack {
    /// Leaves the URLs out, because they hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("running", &self.running).finish_non_exhaustive()
    }
}

impl Stack {
    /// Starts the servers of a folder that do not run, and waits until all of them serve. Processes
    /// that call this concurrently get the same servers.
    pub async fn up(folder: impl AsRef<Path>, profile: Profile) -> Result<Self> {
        let (folder, _lock) = enter(folder.as_ref()).await?;
        let mut record = Record::read(&folder)?;
        let servers = Servers::of(&folder, profile)?;
        if record.profile != profile && servers.any_alive(&record) {
            bail!(
                "the servers in {} run with the profile {:?}, not {profile:?}; stop them \
                 (`./dev down`) or use another folder",
                folder.display(),
                record.profile
            );
        }
        record.profile = profile;
        let Servers { postgres, redis, nats } = &servers;
        // One after the other, because each step writes the record; only the first one is slow.
        let running = [
            run(postgres, &mut record).await?,
            run(redis, &mut record).await?,
            run(nats, &mut record).await?,
        ];
        Ok(Self {
            postgres_url: postgres.url(running[0].port),
            redis_url: redis.url(running[1].port),
            nats_url: nats.url(running[2].port),
            running,
        })
    }

    /// Stops the servers of a folder and returns their names; the data is kept.
    pub async fn down(folder: impl AsRef<Path>) -> Result<Vec<&'static str>> {
        if !folder.as_ref().exists() {
            return Ok(Vec::new());
        }
        let (folder, _lock) = enter(folder.as_ref()).await?;
        end_all(&folder).await
    }

    /// Stops the servers of a folder and removes it with all data.
    pub async fn remove(folder: impl AsRef<Path>) -> Result<()> {
        if !folder.as_ref().exists() {
            return Ok(());
        }
        let (folder, _lock) = enter(folder.as_ref()).await?;
        end_all(&folder).await?;
        let servers = Servers::of(&folder, Profile::default())?;
        for dir in [servers.postgres.dir(), &folder] {
            if dir.exists() {
                std::fs::remove_dir_all(dir)
                    .with_context(|| format!("remove {}", dir.display()))?;
            }
        }
        Ok(())
    }

    /// Status of the servers of a folder; changes nothing, so it takes no lock.
    pub async fn status(folder: impl AsRef<Path>) -> Result<Vec<Status>> {
        let folder = std::path::absolute(folder)?;
        let folder = folder.canonicalize().unwrap_or(folder);
        let record = Record::read(&folder)?;
        let servers = Servers::of(&folder, record.profile)?;
        Ok(vec![
            status_of(&servers.postgres, &record),
            status_of(&servers.redis, &record),
            status_of(&servers.nats, &record),
        ])
    }
}

struct Servers {
    postgres: Postgres,
    redis: Redis,
    nats: Nats,
}

impl Servers {
    fn of(folder: &Path, profile: Profile) -> Result<Self> {
        Ok(Self {
            postgres: Postgres::new(folder, profile)?,
            redis: Redis::new(folder),
            nats: match profile {
                Profile::Development => Nats::new(folder, profile.into()).guarded(),
                Profile::Test => Nats::new(folder, profile.into()),
            },
        })
    }

    fn any_alive(&self, record: &Record) -> bool {
        alive(&self.postgres, record).is_some()
            || alive(&self.redis, record).is_some()
            || alive(&self.nats, record).is_some()
    }
}

/// Takes the folder's lock and returns its canonical path, which identifies the processes.
async fn enter(folder: &Path) -> Result<(PathBuf, Lock)> {
    let lock = Lock::take(folder).await?;
    let folder = folder.canonicalize().with_context(|| format!("find {}", folder.display()))?;
    Ok((folder, lock))
}

async fn run<S: Server>(server: &S, record: &mut Record) -> Result<Running> {
    let (pid, port) = ensure(server, record).await?;
    Ok(Running { name: S::NAME, pid, port })
}

async fn end_all(folder: &Path) -> Result<Vec<&'static str>> {
    let mut record = Record::read(folder)?;
    let servers = Servers::of(folder, record.profile)?;
    let ended = [
        end(&servers.nats, &mut record).await?,
        end(&servers.redis, &mut record).await?,
        end(&servers.postgres, &mut record).await?,
    ];
    Ok(ended.into_iter().flatten().collect())
}

async fn end<S: Server>(server: &S, record: &mut Record) -> Result<Option<&'static str>> {
    let live = alive(server, record).map(|(pid, _)| pid).or_else(|| server.identity().search());
    if let Some(pid) = live {
        server.identity().end(pid, S::STOP_SIGNALS).await?;
        tracing::info!(server = S::NAME, pid, "stopped");
    }
    let port = record.entry(S::NAME).port;
    record.set(S::NAME, Entry { pid: None, port })?;
    Ok(live.map(|_| S::NAME))
}

fn status_of<S: Server>(server: &S, record: &Record) -> Status {
    Status {
        name: S::NAME,
        pid: alive(server, record).map(|(pid, _)| pid),
        port: record.entry(S::NAME).port,
        log: server.log().to_owned(),
    }
}
