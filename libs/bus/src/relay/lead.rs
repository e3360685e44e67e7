//! What the leader does between its rounds, and when it begins one.

use super::context::{MIN_BACKOFF, Relay};
use super::error::RelayError;
use super::loss::KnownStream;
use super::outbox;
use super::round::{MAX_ROUND_TIME, round};
use super::session::Session;
use super::wake::Wake;
use crate::streams;
use async_nats::jetstream::stream::Info;
use fault::point;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How often the gauges are set while there is a backlog.
const MEASURE_INTERVAL: Duration = MAX_ROUND_TIME;

/// The same while there is none.
const IDLE_MEASURE_INTERVAL: Duration = Duration::from_secs(10);

/// How often the stream is checked while all goes well.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Leads until `stop` or until the session is lost.
pub(super) async fn lead(
    relay: &Relay,
    session: &Session,
    stop: &CancellationToken,
) -> Result<(), RelayError> {
    let service = relay.db.service();
    point::reached("relay.leads").await.map_err(RelayError::SessionLost)?;
    let mut wake = Wake::subscribe(&relay.bus, service).await;
    let mut known = KnownStream::load(session, service, &streams::events(service)).await?;
    let mut batches = true;
    let mut backoff = MIN_BACKOFF;
    let mut poll = relay.tuning.poll_min;
    let mut measured: Option<Instant> = None;
    let mut backlog = true;
    // None: the stream has to be ensured first.
    let mut checked: Option<Instant> = None;
    let mut last_answer = Instant::now();
    while !stop.is_cancelled() {
        // An idle connection that stands counts as an answer.
        if checked.is_some() {
            last_answer = Instant::now();
        }
        let interval = if backlog { MEASURE_INTERVAL } else { IDLE_MEASURE_INTERVAL };
        if due(measured, interval) {
            backlog = outbox::measure(session, service).await?;
            measured = Some(Instant::now());
        }
        if !relay.bus.connected() {
            relay.check_broker_timeout(last_answer)?;
            let back = stop.run_until_cancelled(relay.bus.until_connected());
            let back = tokio::time::timeout(MEASURE_INTERVAL, back);
            let _ = session.alive_while(back).await?;
            checked = None;
            continue;
        }
        if due(checked, CHECK_INTERVAL) {
            let seen = match checked {
                Some(_) => stream_info(relay, session).await?,
                None => None,
            };
            let ensured = match seen {
                Some(info) => Some(info),
                None => relay.ensure_stream(session, last_answer, stop).await?,
            };
            let Some(info) = ensured else { break };
            known.compare(session, &info).await?;
            point::reached("relay.compared").await.map_err(RelayError::SessionLost)?;
            batches = info.config.allow_atomic_publish && !point::off("batches");
            checked = Some(Instant::now());
            last_answer = Instant::now();
        }
        let rows = outbox::unpublished(session, service).await?;
        point::reached("relay.read").await.map_err(RelayError::SessionLost)?;
        if rows.is_empty() {
            relay.set_stalled(false);
            point::reached("relay.idle").await.map_err(RelayError::SessionLost)?;
            session.alive_while(wake.wait(&relay.db, poll, stop)).await?;
            poll = (poll * 2).min(relay.tuning.poll_max);
            continue;
        }
        poll = relay.tuning.poll_min;
        backlog = true;
        match round(relay, session, rows, &mut known, &mut batches, stop).await? {
            None => {
                relay.set_stalled(false);
                backoff = MIN_BACKOFF;
            }
            Some(why) => {
                relay.set_stalled(true);
                tracing::warn!(service, "the broker takes no events at the moment: {why}");
                relay.back_off(session, stop, &mut backoff).await?;
                // The stream may be what is gone.
                checked = None;
            }
        }
    }
    Ok(())
}

/// The stream as it is, if it is there.
async fn stream_info(relay: &Relay, session: &Session) -> Result<Option<Info>, RelayError> {
    let name = streams::events(relay.db.service());
    let stream = session.alive_while(relay.bus.jetstream().get_stream(name)).await?;
    Ok(stream.ok().map(|stream| stream.cached_info().clone()))
}

fn due(last: Option<Instant>, every: Duration) -> bool {
    last.is_none_or(|last| last.elapsed() >= every)
}
