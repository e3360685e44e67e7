//! Detects a broker that lost what it had acknowledged: a stream that was created anew, or whose sequence went backwards. The
//! events are still in the outbox; publishing them again is for an operator to decide. Until that is done the loss stays in the
//! database, so that the next leader reports it too.

use super::error::RelayError;
use super::outbox::{Acked, get};
use super::session::Session;
use async_nats::jetstream::stream::Info;
use fault::point;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio_postgres::types::ToSql;

/// The last known state of the stream.
pub(super) struct KnownStream {
    service: &'static str,
    pub name: String,
    /// When it was created, in microseconds; none as long as no relay ever saw it.
    created: Option<i64>,
    /// Highest position that was ever acknowledged.
    pub acked: u64,
}

impl KnownStream {
    pub async fn load(
        session: &Session,
        service: &'static str,
        stream: &str,
    ) -> Result<Self, RelayError> {
        let rows = session.query(&session.statements.state, &[&stream]).await?;
        let mut known = Self { service, name: stream.to_owned(), created: None, acked: 0 };
        if let Some(row) = rows.first() {
            known.created = Some(get(row, 0)?);
            known.acked = get::<i64>(row, 1)?.cast_unsigned();
        }
        Ok(known)
    }

    /// Compares the known state with the stream as it is now, which then becomes the known state.
    pub async fn compare(&mut self, session: &Session, info: &Info) -> Result<(), RelayError> {
        let (created, last) = (micros(info), info.state.last_sequence);
        match self.created {
            Some(before) if before != created => {
                self.store_loss(session, "the stream was made anew", created, last).await
            }
            Some(_) if last < self.acked => {
                let how = format!("its last sequence is {last}, acknowledged was {}", self.acked);
                self.store_loss(session, &how, created, last).await
            }
            Some(_) => Ok(()),
            None => {
                (self.created, self.acked) = (Some(created), last);
                let state: [&(dyn ToSql + Sync); 3] = [&self.name, &created, &last.cast_signed()];
                session.execute(&session.statements.keep_state, &state).await
            }
        }
    }

    /// Compares acknowledgements with the highest position before them: theirs must be higher.
    pub async fn check_acked(
        &mut self,
        session: &Session,
        acked: &[Acked],
    ) -> Result<(), RelayError> {
        let fresh = || acked.iter().filter(|acked| !acked.duplicate).map(|acked| acked.position);
        let lowest = fresh().min().filter(|lowest| *lowest <= self.acked);
        if let (Some(created), Some(lowest)) = (self.created, lowest) {
            let how = format!("it acknowledged {lowest}, after {} before", self.acked);
            self.store_loss(session, &how, created, 0).await?;
        }
        self.acked = self.acked.max(fresh().max().unwrap_or_default());
        Ok(())
    }

    /// Stored before anything else is, so that a relay that dies here leaves a loss that is reported.
    async fn store_loss(
        &mut self,
        session: &Session,
        how: &str,
        created: i64,
        acked: u64,
    ) -> Result<(), RelayError> {
        metrics::counter!("outbox_broker_loss_total", "service" => self.service).increment(1);
        tracing::error!(
            service = self.service,
            stream = self.name,
            "the broker lost events that it had acknowledged: {how}; publish them again by \
             `souk outbox republish --service {}`",
            self.service
        );
        let state: [&(dyn ToSql + Sync); 4] = [&self.name, &how, &created, &acked.cast_signed()];
        session.execute(&session.statements.lost, &state).await?;
        (self.created, self.acked) = (Some(created), acked);
        point::reached("relay.lost").await.map_err(RelayError::SessionLost)
    }
}

fn micros(info: &Info) -> i64 {
    let since = SystemTime::from(info.created).duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
