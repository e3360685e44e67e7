use deadpool_redis::{Manager, Pool, Runtime, Timeouts};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, FromRedisValue, ScriptInvocation};
use secrecy::{ExposeSecret, SecretString};
use std::error::Error;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How Redis is reached.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `redis://…` of the server.
    pub url: SecretString,
    /// Begins every key, so that several meshes can share a server.
    pub prefix: String,
    /// Longest wait for a connection, which no call ever waits for.
    pub connect_timeout: Duration,
    /// Longest wait of a call for Redis. From then on calls go on without it, until it answers again.
    pub command_timeout: Duration,
}

/// Time between two looks whether Redis still answers.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// The same while it does not: short, since an instance that shares the limit again and one that does not yet give more together.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// One carries the commands of all calls at once; with more, each would have to be checked before it is used.
const CONNECTIONS: usize = 1;

/// A Redis that may be away. Cheap to clone; all clones share one connection.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    /// Makes the connection, checks it, and replaces it by another.
    pool: Pool,
    prefix: String,
    command_timeout: Duration,
    /// None while Redis does not answer.
    live: RwLock<Option<Live>>,
}

#[derive(Clone)]
struct Live {
    connection: MultiplexedConnection,
    /// When it was found to work; later news are about another one.
    since: Instant,
}

type Cause = Box<dyn Error + Send + Sync>;

impl Redis {
    /// Redis at this address, which is first asked by [`Redis::probe`]. Fails where the URL is none.
    pub fn open(settings: &Settings) -> Result<Self, String> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(settings.connect_timeout))
            .set_response_timeout(Some(settings.command_timeout));
        // The error may hold the URL and so a password.
        let manager = Manager::new_with_config(settings.url.expose_secret(), config)
            .map_err(|error| error.category().to_owned())?;
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(settings.connect_timeout),
                create: Some(settings.connect_timeout),
                recycle: Some(settings.command_timeout),
            })
            .build()
            .map_err(|error| error.to_string())?;
        let (prefix, command_timeout) = (settings.prefix.clone(), settings.command_timeout);
        Ok(Self(Arc::new(Inner { pool, prefix, command_timeout, live: RwLock::default() })))
    }

    /// Looks again and again whether Redis answers, for ever.
    pub async fn keep_probing(self) {
        loop {
            let answers = self.probe().await.is_ok();
            sleep(if answers { WATCH_INTERVAL } else { RETRY_INTERVAL }).await;
        }
    }

    /// Looks whether Redis answers and takes writes; calls use it from then on, or not.
    pub async fn probe(&self) -> Result<(), Cause> {
        let asked = Instant::now();
        let outcome = self.connect().await;
        match &outcome {
            Ok(connection) => self.found(connection.clone()),
            Err(error) => self.lost(asked, error.as_ref()),
        }
        outcome.map(drop)
    }

    /// Whether calls use it now.
    pub fn is_up(&self) -> bool {
        self.live().is_some()
    }

    /// Fails while calls do not use it.
    pub fn answers(&self) -> Result<(), &'static str> {
        if self.is_up() {
            Ok(())
        } else {
            Err("it does not answer; limits are kept by each process")
        }
    }

    /// A key of this mesh.
    pub(crate) fn key(&self, key: &str) -> String {
        format!("{}{key}", self.0.prefix)
    }

    async fn connect(&self) -> Result<MultiplexedConnection, Cause> {
        let mut connection = self.0.pool.get().await?.clone();
        // A replica, or a Redis whose memory is full, answers but takes no writes.
        let mut write = redis::cmd("SET");
        write.arg(self.key("probe")).arg("").arg("PX").arg(1000);
        write.query_async::<()>(&mut connection).await?;
        Ok(connection)
    }

    /// Runs a script; none while Redis does not answer.
    pub(crate) async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Option<T> {
        let mut live = self.live()?;
        let ran = timeout(self.0.command_timeout, script.invoke_async(&mut live.connection)).await;
        let error: Cause = match ran {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => error.into(),
            Err(_) => format!("no answer within {:?}", self.0.command_timeout).into(),
        };
        self.lost(live.since, error.as_ref());
        None
    }

    /// Runs commands; none while Redis does not answer.
    pub(crate) async fn query<T: FromRedisValue>(&self, commands: &redis::Pipeline) -> Option<T> {
        let mut live = self.live()?;
        let ran = commands.query_async(&mut live.connection);
        let error: Cause = match timeout(self.0.command_timeout, ran).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => error.into(),
            Err(_) => format!("no answer within {:?}", self.0.command_timeout).into(),
        };
        self.lost(live.since, error.as_ref());
        None
    }

    fn live(&self) -> Option<Live> {
        self.0.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn found(&self, connection: MultiplexedConnection) {
        let live = Live { connection, since: Instant::now() };
        let mut known = self.0.live.write().unwrap_or_else(PoisonError::into_inner);
        if known.replace(live).is_none() {
            tracing::info!("Redis answers");
        }
        metrics::gauge!("rate_limit_local").set(0.0);
    }

    /// What was begun at this moment failed, which says nothing about a connection that was found to work since.
    fn lost(&self, begun: Instant, error: &(dyn Error + Send + Sync)) {
        let mut known = self.0.live.write().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().is_some_and(|live| live.since <= begun) {
            *known = None;
            tracing::warn!(
                "Redis does not answer, so each process limits calls by itself: {error}"
            );
        }
        if known.is_none() {
            metrics::gauge!("rate_limit_local").set(1.0);
        }
    }
}
