use crate::servers::Servers;
use async_nats::jetstream::{self, context::ContextBuilder};
use async_nats::{Client, ConnectOptions, Event};
use bytes::Bytes;
use fault::Fault;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};

/// How the broker is reached, and how much it may keep.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `nats://…` of the servers, several separated by commas. User and password, percent-encoded, or a token instead of them, are
    /// shown to all servers; different ones for different servers are refused.
    pub url: SecretString,
    /// Contents of a credentials file, shown instead of what the URL holds; none where that is enough, or nothing is needed.
    pub creds: Option<SecretString>,
    /// Replicas of each stream: 1, or 3 or 5 in a cluster.
    pub replicas: usize,
    /// Most bytes of each stream of events; none leaves the limit to the broker's account.
    pub max_bytes: Option<i64>,
}

impl Settings {
    /// The usual settings for a broker.
    pub fn of(url: impl Into<SecretString>) -> Self {
        Self { url: url.into(), creds: None, replicas: 1, max_bytes: None }
    }

    /// Takes the contents of a credentials file, or returns what is wrong with them.
    pub fn with_creds(mut self, creds: SecretString) -> Result<Self, String> {
        let parsed = ConnectOptions::new().credentials(creds.expose_secret());
        parsed.map_err(|error| format!("are no credentials: {error}"))?;
        self.creds = Some(creds);
        Ok(self)
    }

    /// Returns what is wrong with the URL, without its secrets.
    pub fn check(&self) -> Result<(), String> {
        Servers::read(self.url.expose_secret()).map(drop)
    }
}

/// The broker. Cheap to clone; all clones share one connection.
#[derive(Debug, Clone)]
pub struct Bus(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    jetstream: jetstream::Context,
    settings: Settings,
    isolation_turn: Mutex<()>,
    /// How often the connection was lost.
    breaks: watch::Receiver<u64>,
}

/// Longest wait for an answer of the broker, acknowledgements of events included.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the broker is pinged. A half-open connection, for example because a router dropped its state, is closed at the third
/// ping, when two have no answer; until then no event is published or delivered.
const PING_INTERVAL: Duration = Duration::from_secs(3);

impl Bus {
    /// Connects, and reconnects for ever. A broker that is down is no error: whatever needs it waits. Fails only where the
    /// settings are invalid.
    pub async fn connect(settings: &Settings) -> Result<Self, Fault> {
        let servers = Servers::read(settings.url.expose_secret()).map_err(Fault::internal)?;
        let options = match &settings.creds {
            Some(creds) => {
                ConnectOptions::new().credentials(creds.expose_secret()).map_err(Fault::internal)?
            }
            None => servers.options(),
        };
        let (broke, breaks) = watch::channel(0);
        let client = options
            .name("souk")
            .retry_on_initial_connect()
            .max_reconnects(None)
            .reconnect_delay_callback(reconnect_delay)
            .ping_interval(PING_INTERVAL)
            .connection_timeout(Duration::from_secs(5))
            .request_timeout(Some(ANSWER_TIMEOUT))
            .event_callback(move |event| {
                on_event(&event, &broke);
                std::future::ready(())
            })
            .connect(servers.addresses)
            .await
            .map_err(Fault::internal)?;
        let jetstream = ContextBuilder::new()
            .timeout(ANSWER_TIMEOUT)
            .ack_timeout(ANSWER_TIMEOUT)
            .build(client.clone());
        Ok(Self(Arc::new(Inner {
            client,
            jetstream,
            settings: settings.clone(),
            isolation_turn: Mutex::default(),
            breaks,
        })))
    }

    /// Fails unless JetStream answers.
    pub async fn health(&self) -> Result<(), Fault> {
        let answer = self.0.jetstream.query_account();
        match tokio::time::timeout(Duration::from_secs(2), answer).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Fault::unavailable("the broker", error)),
            Err(late) => Err(Fault::unavailable("the broker", late)),
        }
    }

    /// The connection, for core NATS: broadcasts under `core.`, which no stream stores.
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// The connection, for JetStream.
    pub fn jetstream(&self) -> &jetstream::Context {
        &self.0.jetstream
    }

    /// What it was connected with.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Held by the service of this process whose event runs in isolation: one after the other, so that a process that dies leaves at
    /// most one start without an end.
    pub(crate) fn isolation_turn(&self) -> &Mutex<()> {
        &self.0.isolation_turn
    }

    /// Sends a core message, which may get lost, to whoever subscribes to it now. While the connection is down nothing is sent: the
    /// client would buffer it, and send it too late to be of use.
    pub async fn announce(&self, subject: String, payload: Bytes) {
        if self.connected() {
            let _ = self.client().publish(subject, payload).await;
        }
    }

    /// Whether the connection stands; a half-open one counts until a ping fails.
    pub fn connected(&self) -> bool {
        self.0.client.connection_state() == async_nats::connection::State::Connected
    }

    /// Returns when the connection stands.
    pub(crate) async fn until_connected(&self) {
        while !self.connected() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How often the connection was lost.
    pub(crate) fn breaks(&self) -> watch::Receiver<u64> {
        let mut breaks = self.0.breaks.clone();
        breaks.mark_unchanged();
        breaks
    }

    /// Does `work` unless the connection breaks meanwhile: its answer is lost then, and waiting for it would take the whole
    /// timeout.
    pub(crate) async fn unless_broken<F: Future>(&self, work: F) -> Result<F::Output, Fault> {
        let mut breaks = self.breaks();
        tokio::select! {
            done = work => Ok(done),
            _ = breaks.changed() => {
                Err(Fault::unavailable("the broker", "the connection broke before it answered"))
            }
        }
    }
}

/// Short, because the outbox fills meanwhile.
fn reconnect_delay(attempt: usize) -> Duration {
    Duration::from_millis(100 * u64::try_from(attempt).unwrap_or(10).min(10))
}

fn on_event(event: &Event, broke: &watch::Sender<u64>) {
    match event {
        Event::Connected => tracing::info!("connected to the broker"),
        Event::Disconnected => {
            broke.send_modify(|breaks| *breaks += 1);
            metrics::counter!("bus_disconnects_total").increment(1);
            tracing::warn!("lost the connection to the broker");
        }
        event => tracing::warn!("broker: {event}"),
    }
}
