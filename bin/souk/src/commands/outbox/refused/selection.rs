//! Arguments that select refused events.

use crate::commands::flags::Flags;
use crate::environment::Environment;
use crate::load::caller::{self, Authorized};
use anyhow::Result;
use clap::Args;
use contracts::operations::v1::RefusedEventFilter;
use contracts::operations::v1::operations_service_client::OperationsServiceClient;

/// The service, and conditions that all must match.
#[derive(Debug, Args)]
pub struct Selection {
    /// Service that publishes the events.
    #[arg(long)]
    pub service: String,
    /// Only this event, by its id.
    #[arg(long, default_value = "")]
    event: String,
    /// Only about this aggregate: the events' key.
    #[arg(long, default_value = "")]
    key: String,
}

impl Selection {
    /// The conditions as a filter.
    pub fn filter(&self) -> RefusedEventFilter {
        RefusedEventFilter { event_id: self.event.clone(), key: self.key.clone() }
    }

    /// A client of a process that serves the service.
    pub fn client(&self, flags: &Flags) -> Result<OperationsServiceClient<Authorized>> {
        caller::operations(&Environment::of_client(), flags, &self.service)
    }
}
