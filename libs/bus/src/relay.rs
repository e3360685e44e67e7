//! From the outbox to the stream: at least once, in order per key, with nothing skipped silently.
//!
//! One relay at a time leads per database, by an advisory lock of its own [`session`]; the others stand by and pass on
//! that something was written ([`wake`]). The leader reads what is unpublished ([`outbox`]), publishes it ([`publish`])
//! and marks it, all three at once where there is a backlog ([`round`]). [`loss`] notices a broker that forgot what it had acknowledged.

mod batch;
mod lead;
mod loss;
mod outbox;
mod publish;
mod round;
mod session;
mod wake;
mod window;

use crate::{Bus, streams};
use fault::{Fault, Kind, point};
use lead::Ended;
use pg::Db;
use session::Session;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// The pace of a relay; the defaults are those of production.
#[derive(Debug, Clone)]
pub struct Tempo {
    /// Shortest pause between two looks at the outbox while there is work.
    pub poll_min: Duration,
    /// Longest pause between two looks while there is none.
    pub poll_max: Duration,
    /// Pause of a relay that stands by, between two tries to lead.
    pub standby: Duration,
    /// First pause after a row was refused; it doubles up to five minutes.
    pub refused: Duration,
    /// How long a leader that the broker does not answer keeps the lead: another process may reach it.
    pub unheard: Duration,
}

impl Default for Tempo {
    fn default() -> Self {
        Self {
            poll_min: Duration::from_millis(20),
            poll_max: Duration::from_millis(500),
            standby: Duration::from_secs(1),
            refused: Duration::from_secs(1),
            unheard: Duration::from_secs(10),
        }
    }
}

/// Publishes what one service says. Every process of the service runs one.
pub struct Relay {
    db: Db,
    bus: Bus,
    tempo: Tempo,
    /// Whether the stream was ever as asked.
    started: AtomicBool,
}

impl Relay {
    /// The relay of the service whose database this is.
    pub fn new(db: Db, bus: Bus) -> Self {
        Self { db, bus, tempo: Tempo::default(), started: AtomicBool::new(false) }
    }

    /// The same at another pace.
    #[must_use]
    pub fn at(mut self, tempo: Tempo) -> Self {
        self.tempo = tempo;
        self
    }

    /// Relays until `stop`, through every failure of broker and database. Fails only where the broker holds a stream that
    /// differs from what is asked in a way that matters.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Fault> {
        let mut session = None;
        lead::stalled(self.db.service(), 0.0);
        // Said at once: an alert notices a service without a leader only by relays that say they do not lead.
        metrics::gauge!("outbox_relay_leads", "service" => self.db.service()).set(0.0);
        while !stop.is_cancelled() {
            match self.turn(&mut session, &stop).await {
                Ok(()) => {}
                Err(Ended::Refused(fault)) => return Err(fault),
                Err(Ended::Lost(fault)) => {
                    session = None;
                    let service = self.db.service();
                    tracing::warn!(service, "the relay begins again: {}", fault.chain());
                    self.stand_by(&stop).await;
                }
            }
        }
        Ok(())
    }

    /// Leads if it can, else stands by for a moment.
    async fn turn(
        &self,
        session: &mut Option<Session>,
        stop: &CancellationToken,
    ) -> Result<(), Ended> {
        let open = match session.take() {
            Some(open) => open,
            None => Session::open(&self.db).await?,
        };
        if !open.try_lead().await? {
            *session = Some(open);
            self.stand_by(stop).await;
            return Ok(());
        }
        let service = self.db.service();
        tracing::info!(service, "this process relays the outbox");
        metrics::gauge!("outbox_relay_leads", "service" => service).set(1.0);
        let ended = lead::lead(self, &open, stop).await;
        metrics::gauge!("outbox_relay_leads", "service" => service).set(0.0);
        ended
    }

    /// Waits, and tells the leader, wherever it is, what this process commits meanwhile.
    async fn stand_by(&self, stop: &CancellationToken) {
        let until = tokio::time::sleep(self.tempo.standby);
        tokio::pin!(until);
        loop {
            tokio::select! {
                () = &mut until => return,
                () = stop.cancelled() => return,
                () = self.db.outbox_written() => wake::tell(&self.bus, self.db.service()).await,
            }
        }
    }

    /// The stream, made if it is not there; waits for the broker, which was heard last at `heard`.
    async fn stream(
        &self,
        session: &Session,
        heard: Instant,
        stop: &CancellationToken,
    ) -> Result<Option<async_nats::jetstream::stream::Info>, Ended> {
        let service = self.db.service();
        let mut pause = FIRST_PAUSE;
        while !stop.is_cancelled() {
            let ensured = self.bus.unless_broken(streams::ensure_events(&self.bus, service));
            match session.alive_while(ensured).await?.flatten() {
                Ok(info) => {
                    point::reached("relay.stream").await.map_err(Ended::Lost)?;
                    self.started.store(true, Ordering::Relaxed);
                    return Ok(Some(info));
                }
                // At the start it is a wrong configuration, later a broker in trouble, which passes.
                Err(fault)
                    if fault.kind() == Kind::Internal && !self.started.load(Ordering::Relaxed) =>
                {
                    return Err(Ended::Refused(fault));
                }
                Err(fault) => {
                    tracing::info!(service, "the relay waits for the broker: {}", fault.chain());
                    self.still_heard(heard)?;
                    self.back_off(session, stop, &mut pause).await?;
                }
            }
        }
        Ok(None)
    }

    /// Ends the lead of a process that does not reach the broker. Where no other reaches it either, the lead only goes round.
    fn still_heard(&self, heard: Instant) -> Result<(), Ended> {
        if heard.elapsed() < self.tempo.unheard {
            return Ok(());
        }
        lead::stalled(self.db.service(), 1.0);
        let why =
            format!("it has not answered for {:?}, and another process may lead", heard.elapsed());
        Err(Ended::Lost(Fault::unavailable("the broker", why)))
    }

    /// Waits while the broker is away, longer each time; spends nobody's attempts.
    async fn back_off(
        &self,
        session: &Session,
        stop: &CancellationToken,
        pause: &mut Duration,
    ) -> Result<(), Ended> {
        let until = tokio::time::timeout(*pause, stop.cancelled());
        let _ = session.alive_while(until).await?;
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

/// First pause while the broker is away, and the longest one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
