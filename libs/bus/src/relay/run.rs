//! Leader election: a relay tries to become the leader, and stands by if it cannot.

use super::context::Relay;
use super::error::RelayError;
use super::session::Session;
use super::{lead, wake};
use fault::Fault;
use tokio_util::sync::CancellationToken;

impl Relay {
    /// Relays until `stop`, through every failure of broker and database. Fails only where the broker holds a stream that
    /// differs from the wanted configuration in a way that matters.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Fault> {
        let mut session = None;
        self.set_stalled(false);
        // Set at once: an alert finds a service without a leader only by relays that report that they do not lead.
        self.set_leads(false);
        while !stop.is_cancelled() {
            match self.lead_or_stand_by(&mut session, &stop).await {
                Ok(()) => {}
                Err(RelayError::StreamRefused(fault)) => return Err(fault),
                Err(RelayError::SessionLost(fault)) => {
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
    async fn lead_or_stand_by(
        &self,
        session: &mut Option<Session>,
        stop: &CancellationToken,
    ) -> Result<(), RelayError> {
        let open = match session.take() {
            Some(open) => open,
            None => Session::open(&self.db).await?,
        };
        if !open.try_lead().await? {
            *session = Some(open);
            self.stand_by(stop).await;
            return Ok(());
        }
        tracing::info!(service = self.db.service(), "this process relays the outbox");
        self.set_leads(true);
        let ended = lead::lead(self, &open, stop).await;
        self.set_leads(false);
        ended
    }

    fn set_leads(&self, leads: bool) {
        let leads = if leads { 1.0 } else { 0.0 };
        metrics::gauge!("outbox_relay_leads", "service" => self.db.service()).set(leads);
    }

    /// Waits, and notifies the leader, in whatever process, of what this process commits meanwhile.
    async fn stand_by(&self, stop: &CancellationToken) {
        let until = tokio::time::sleep(self.tuning.standby);
        tokio::pin!(until);
        loop {
            tokio::select! {
                () = &mut until => return,
                () = stop.cancelled() => return,
                () = self.db.outbox_written() => wake::notify(&self.bus, self.db.service()).await,
            }
        }
    }
}
