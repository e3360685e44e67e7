//! Notices a broker that forgot what it had acknowledged: a stream that was made anew, or whose sequence went backwards.
//! The events are in the outbox still; publishing them again is for an operator to decide. Until that is done the loss stays
//! written down, so that whoever relays next reports it too.

use super::lead::Ended;
use super::outbox::{Acked, get};
use super::session::Session;
use async_nats::jetstream::stream::Info;
use fault::point;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio_postgres::types::ToSql;

pub(super) const STATE: &str = "
    select (extract(epoch from stream_created) * 1000000)::bigint, acked_seq
    from relay_state where stream = $1";

pub(super) const KEEP_STATE: &str = "
    insert into relay_state (stream, stream_created, acked_seq)
    values ($1, timestamptz 'epoch' + $2::bigint * interval '1 microsecond', $3)
    on conflict (stream) do update
    set stream_created = excluded.stream_created, acked_seq = excluded.acked_seq";

/// A loss that is not made good yet is the one to tell of; a later one only counts. With it goes what is known of the stream
/// from then on, so that whoever relays next does not notice the same loss again, when it may have been made good.
/// Unlike a mark it is worth a disk flush: nobody would find it again.
pub(super) const LOST: &str = "
    with flushed as (select set_config('synchronous_commit', 'on', true))
    update relay_state
    set lost_at = coalesce(lost_at, clock_timestamp()), lost_how = coalesce(lost_how, $2),
        losses = losses + 1,
        stream_created = timestamptz 'epoch' + $3::bigint * interval '1 microsecond', acked_seq = $4
    from flushed
    where stream = $1";

pub(super) const IS_LOST: &str = "
    select exists (select 1 from relay_state where stream = $1 and lost_at is not null)";

/// Sets the gauge of a loss that is not made good yet.
pub(super) async fn measure(session: &Session, service: &'static str) -> Result<(), Ended> {
    let stream = crate::streams::events(service);
    let rows = session.query(&session.statements.is_lost, &[&stream]).await?;
    let Some(row) = rows.first() else { return Ok(()) };
    let lost = if get(row, 0)? { 1.0 } else { 0.0 };
    metrics::gauge!("outbox_broker_lost", "service" => service).set(lost);
    Ok(())
}

/// What is known of the stream.
pub(super) struct Known {
    service: &'static str,
    pub stream: String,
    /// When it was made, in microseconds; none as long as no relay ever saw it.
    created: Option<i64>,
    /// Highest position that was ever acknowledged.
    pub acked: u64,
}

impl Known {
    pub async fn load(
        session: &Session,
        service: &'static str,
        stream: &str,
    ) -> Result<Self, Ended> {
        let rows = session.query(&session.statements.state, &[&stream]).await?;
        let mut known = Self { service, stream: stream.to_owned(), created: None, acked: 0 };
        if let Some(row) = rows.first() {
            known.created = Some(get(row, 0)?);
            known.acked = get::<i64>(row, 1)?.cast_unsigned();
        }
        Ok(known)
    }

    /// Compares what is known with the stream as it is, and goes on from there.
    pub async fn compare(&mut self, session: &Session, info: &Info) -> Result<(), Ended> {
        let (created, last) = (micros(info), info.state.last_sequence);
        match self.created {
            Some(before) if before != created => {
                self.lost(session, "the stream was made anew", created, last).await
            }
            Some(_) if last < self.acked => {
                let how = format!("its last sequence is {last}, acknowledged was {}", self.acked);
                self.lost(session, &how, created, last).await
            }
            Some(_) => Ok(()),
            None => {
                (self.created, self.acked) = (Some(created), last);
                let state: [&(dyn ToSql + Sync); 3] = [&self.stream, &created, &last.cast_signed()];
                session.execute(&session.statements.keep_state, &state).await
            }
        }
    }

    /// Compares acknowledgements of rows that were sent after everything known was acknowledged: each must lie above.
    pub async fn heard(&mut self, session: &Session, acked: &[Acked]) -> Result<(), Ended> {
        let fresh = || acked.iter().filter(|acked| !acked.duplicate).map(|acked| acked.position);
        let lowest = fresh().min().filter(|lowest| *lowest <= self.acked);
        if let (Some(created), Some(lowest)) = (self.created, lowest) {
            let how = format!("it acknowledged {lowest}, after {} before", self.acked);
            self.lost(session, &how, created, 0).await?;
        }
        self.acked = self.acked.max(fresh().max().unwrap_or_default());
        Ok(())
    }

    /// Written down before anything else is, so that who dies here leaves a loss that is noticed.
    async fn lost(
        &mut self,
        session: &Session,
        how: &str,
        created: i64,
        acked: u64,
    ) -> Result<(), Ended> {
        metrics::counter!("outbox_broker_loss_total", "service" => self.service).increment(1);
        tracing::error!(
            service = self.service,
            stream = self.stream,
            "the broker lost events that it had acknowledged: {how}; publish them again by \
             `souk outbox republish --service {}`",
            self.service
        );
        let state: [&(dyn ToSql + Sync); 4] = [&self.stream, &how, &created, &acked.cast_signed()];
        session.execute(&session.statements.lost, &state).await?;
        (self.created, self.acked) = (Some(created), acked);
        point::reached("relay.lost").await.map_err(Ended::Lost)
    }
}

fn micros(info: &Info) -> i64 {
    let since = SystemTime::from(info.created).duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
