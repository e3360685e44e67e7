//! What all steps of a relay share, and how each of them waits for the broker.

use super::error::RelayError;
use super::session::Session;
use crate::{Bus, streams};
use async_nats::jetstream::stream::Info;
use fault::{Fault, Kind, point};
use pg::Db;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// First and longest pause while the broker is unavailable.
pub(super) const MIN_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Tuning of a relay; the defaults are those of production.
#[derive(Debug, Clone)]
pub struct RelayTuning {
    /// Shortest pause between two polls of the outbox while there is work.
    pub poll_min: Duration,
    /// Longest pause between two polls while there is none.
    pub poll_max: Duration,
    /// Pause of a relay that stands by, between two tries to lead.
    pub standby: Duration,
    /// First pause after a row was refused; it doubles up to five minutes.
    pub refused: Duration,
    /// How long a leader whose broker does not answer keeps the lead: another process may reach it.
    pub broker_timeout: Duration,
}

impl Default for RelayTuning {
    fn default() -> Self {
        Self {
            poll_min: Duration::from_millis(20),
            poll_max: Duration::from_secs(1),
            standby: Duration::from_secs(1),
            refused: Duration::from_secs(1),
            broker_timeout: Duration::from_secs(10),
        }
    }
}

/// Publishes the events of one service. Every process of the service runs one.
pub struct Relay {
    pub(super) db: Db,
    pub(super) bus: Bus,
    pub(super) tuning: RelayTuning,
    /// Whether the stream has ever been as it must be.
    stream_ensured: AtomicBool,
}

impl Relay {
    /// The relay of the service whose database this is.
    pub fn new(db: Db, bus: Bus) -> Self {
        let stream_ensured = AtomicBool::new(false);
        Self { db, bus, tuning: RelayTuning::default(), stream_ensured }
    }

    /// The same with other tuning.
    #[must_use]
    pub fn tuned(mut self, tuning: RelayTuning) -> Self {
        self.tuning = tuning;
        self
    }

    /// The stream, made if it is not there; waits for the broker, which answered last at `last_answer`.
    pub(super) async fn ensure_stream(
        &self,
        session: &Session,
        last_answer: Instant,
        stop: &CancellationToken,
    ) -> Result<Option<Info>, RelayError> {
        let service = self.db.service();
        let mut backoff = MIN_BACKOFF;
        while !stop.is_cancelled() {
            let ensured = self.bus.unless_broken(streams::ensure_events(&self.bus, service));
            match session.alive_while(ensured).await?.flatten() {
                Ok(info) => {
                    point::reached("relay.stream").await.map_err(RelayError::SessionLost)?;
                    self.stream_ensured.store(true, Ordering::Relaxed);
                    return Ok(Some(info));
                }
                // At the start it is a wrong configuration, later a failure of the broker, which passes.
                Err(fault)
                    if fault.kind() == Kind::Internal
                        && !self.stream_ensured.load(Ordering::Relaxed) =>
                {
                    return Err(RelayError::StreamRefused(fault));
                }
                Err(fault) => {
                    tracing::info!(service, "the relay waits for the broker: {}", fault.chain());
                    self.check_broker_timeout(last_answer)?;
                    self.back_off(session, stop, &mut backoff).await?;
                }
            }
        }
        Ok(None)
    }

    /// Ends the lead of a process that does not reach the broker. Where no other reaches it either, the lead goes from one to the
    /// next, which costs nothing.
    pub(super) fn check_broker_timeout(&self, last_answer: Instant) -> Result<(), RelayError> {
        if last_answer.elapsed() < self.tuning.broker_timeout {
            return Ok(());
        }
        self.set_stalled(true);
        let elapsed = last_answer.elapsed();
        let why = format!("it has not answered for {elapsed:?}, and another process may lead");
        Err(RelayError::SessionLost(Fault::unavailable("the broker", why)))
    }

    /// Waits while the broker is unavailable, longer each time; no row's attempts are counted for it.
    pub(super) async fn back_off(
        &self,
        session: &Session,
        stop: &CancellationToken,
        backoff: &mut Duration,
    ) -> Result<(), RelayError> {
        let until = tokio::time::timeout(*backoff, stop.cancelled());
        let _ = session.alive_while(until).await?;
        *backoff = (*backoff * 2).min(MAX_BACKOFF);
        Ok(())
    }

    /// Reports whether the broker takes events: a full one is to be noticed at once, long before the oldest event is old. A relay
    /// that loses the lead by it leaves the gauge as it is, since nothing has been published meanwhile.
    pub(super) fn set_stalled(&self, stalled: bool) {
        let stalled = if stalled { 1.0 } else { 0.0 };
        metrics::gauge!("outbox_stalled", "service" => self.db.service()).set(stalled);
    }
}
