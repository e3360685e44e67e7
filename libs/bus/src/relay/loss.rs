//! Notices a broker that forgot what it had acknowledged: a stream that was made anew, or whose sequence went backwards.
//! The events are in the outbox still; publishing them again is for an operator to decide.

use super::lead::Ended;
use super::outbox::{Acked, get};
use super::session::Session;
use async_nats::jetstream::stream::Info;
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) const STATE: &str = "
    select (extract(epoch from stream_created) * 1000000)::bigint, acked_seq
    from relay_state where stream = $1";

pub(super) const KEEP_STATE: &str = "
    insert into relay_state (stream, stream_created, acked_seq)
    values ($1, timestamptz 'epoch' + $2::bigint * interval '1 microsecond', $3)
    on conflict (stream) do update
    set stream_created = excluded.stream_created, acked_seq = excluded.acked_seq";

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
            Some(before) if before != created => self.lost("the stream was made anew"),
            Some(_) if last < self.acked => {
                self.lost(&format!("its last sequence is {last}, acknowledged was {}", self.acked));
            }
            Some(_) => return Ok(()),
            None => {}
        }
        self.created = Some(created);
        self.acked = last;
        let last = last.cast_signed();
        session.execute(&session.statements.keep_state, &[&self.stream, &created, &last]).await
    }

    /// Compares acknowledgements of rows that were sent after everything known was acknowledged: each must lie above.
    pub fn heard(&mut self, acked: &[Acked]) {
        let fresh = || acked.iter().filter(|acked| !acked.duplicate).map(|acked| acked.position);
        if let Some(lowest) = fresh().min().filter(|lowest| *lowest <= self.acked) {
            self.lost(&format!("it acknowledged {lowest}, after {} before", self.acked));
            self.acked = 0;
        }
        self.acked = self.acked.max(fresh().max().unwrap_or_default());
    }

    fn lost(&self, how: &str) {
        metrics::counter!("outbox_broker_loss_total", "service" => self.service).increment(1);
        tracing::error!(
            service = self.service,
            stream = self.stream,
            "the broker lost events that it had acknowledged: {how}; publish them again from the outbox"
        );
    }
}

fn micros(info: &Info) -> i64 {
    let since = SystemTime::from(info.created).duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
