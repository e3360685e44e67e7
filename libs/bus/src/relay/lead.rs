//! What the leader does between its rounds, and when it begins one.

use super::loss::{self, Known};
use super::outbox;
use super::round::round;
use super::session::Session;
use super::wake::Wake;
use super::{FIRST_PAUSE, Relay};
use crate::streams;
use async_nats::jetstream::stream::Info;
use fault::{Fault, point};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How often the gauges are set, and longest time that a round reads on.
pub(super) const MEASURE: Duration = Duration::from_secs(2);

/// How often the stream is looked at while all goes well.
const LOOK: Duration = Duration::from_secs(10);

/// Why a relay no longer leads, or could not.
pub(super) enum Ended {
    /// The session, and with it the lead; another one is tried.
    Lost(Fault),
    /// The stream cannot be as it must be.
    Refused(Fault),
}

/// Leads until `stop` or until the session is lost.
pub(super) async fn lead(
    relay: &Relay,
    session: &Session,
    stop: &CancellationToken,
) -> Result<(), Ended> {
    let service = relay.db.service();
    point::reached("relay.leads").await.map_err(Ended::Lost)?;
    let mut wake = Wake::listen(&relay.bus, service).await;
    let mut known = Known::load(session, service, &streams::events(service)).await?;
    let mut batches = true;
    let mut pause = FIRST_PAUSE;
    let mut poll = relay.tempo.poll_min;
    let mut measured: Option<Instant> = None;
    // None: the stream is to be made sure of first.
    let mut looked: Option<Instant> = None;
    let mut heard = Instant::now();
    while !stop.is_cancelled() {
        // Silence is no sign as long as nothing is asked and the connection stands.
        if looked.is_some() {
            heard = Instant::now();
        }
        if due(measured, MEASURE) {
            outbox::measure(session, service).await?;
            loss::measure(session, service).await?;
            measured = Some(Instant::now());
        }
        if !relay.bus.connected() {
            relay.still_heard(heard)?;
            let back = stop.run_until_cancelled(relay.bus.until_connected());
            let back = tokio::time::timeout(MEASURE, back);
            let _ = session.alive_while(back).await?;
            looked = None;
            continue;
        }
        if due(looked, LOOK) {
            let seen = match looked {
                Some(_) => look(relay, session).await?,
                None => None,
            };
            let made = match seen {
                Some(info) => Some(info),
                None => relay.stream(session, heard, stop).await?,
            };
            let Some(info) = made else { break };
            known.compare(session, &info).await?;
            point::reached("relay.compared").await.map_err(Ended::Lost)?;
            batches = info.config.allow_atomic_publish && !point::off("batches");
            looked = Some(Instant::now());
            heard = Instant::now();
        }
        let rows = outbox::unpublished(session, service).await?;
        point::reached("relay.read").await.map_err(Ended::Lost)?;
        if rows.is_empty() {
            stalled(service, 0.0);
            point::reached("relay.idle").await.map_err(Ended::Lost)?;
            session.alive_while(wake.up(&relay.db, poll, stop)).await?;
            poll = (poll * 2).min(relay.tempo.poll_max);
            continue;
        }
        poll = relay.tempo.poll_min;
        match round(relay, session, rows, &mut known, &mut batches, stop).await? {
            None => {
                stalled(service, 0.0);
                pause = FIRST_PAUSE;
            }
            Some(why) => {
                stalled(service, 1.0);
                tracing::warn!(service, "the broker takes no events at the moment: {why}");
                relay.back_off(session, stop, &mut pause).await?;
                // The stream may be what is gone.
                looked = None;
            }
        }
    }
    Ok(())
}

/// Says whether the broker takes events: a full one is to be noticed at once, long before the oldest event is old. Who loses the
/// lead by it and leads again has not seen the end of it yet.
pub(super) fn stalled(service: &'static str, stalled: f64) {
    metrics::gauge!("outbox_stalled", "service" => service).set(stalled);
}

/// The stream as it is, if it is there.
async fn look(relay: &Relay, session: &Session) -> Result<Option<Info>, Ended> {
    let name = streams::events(relay.db.service());
    let stream = session.alive_while(relay.bus.jetstream().get_stream(name)).await?;
    Ok(stream.ok().map(|stream| stream.cached_info().clone()))
}

fn due(last: Option<Instant>, every: Duration) -> bool {
    last.is_none_or(|last| last.elapsed() >= every)
}
