//! Arguments that select dead letters.

use crate::commands::flags::Flags;
use crate::commands::timestamp;
use crate::environment::Environment;
use crate::load::caller::{self, Authorized};
use anyhow::Result;
use clap::Args;
use contracts::operations::v1::DeadLetterFilter;
use contracts::operations::v1::operations_service_client::OperationsServiceClient;
use prost_types::Timestamp;

/// The service, and conditions that all must match.
#[derive(Debug, Args)]
pub struct Selection {
    /// Service that could not handle the events.
    #[arg(long)]
    pub service: String,
    /// Only of this durable consumer, e.g. search-from-pricing.
    #[arg(long, default_value = "")]
    consumer: String,
    /// Only with this reason, e.g. UNDECODABLE.
    #[arg(long, default_value = "")]
    reason: String,
    /// Only about this aggregate: the events' key.
    #[arg(long, default_value = "")]
    key: String,
    /// Only of this event, by its id.
    #[arg(long, default_value = "")]
    event: String,
    /// Only those whose last failure was at this time or later: RFC 3339, or how long ago (90s, 15m, 2h, 3d).
    #[arg(long, value_parser = timestamp::parse)]
    since: Option<Timestamp>,
    /// Only those whose last failure was before this time, given like --since.
    #[arg(long, value_parser = timestamp::parse)]
    until: Option<Timestamp>,
}

impl Selection {
    /// The conditions as a filter.
    pub fn filter(&self) -> DeadLetterFilter {
        DeadLetterFilter {
            consumer: self.consumer.clone(),
            reason: self.reason.clone(),
            key: self.key.clone(),
            event_id: self.event.clone(),
            from: self.since,
            to: self.until,
        }
    }

    /// A client of a process that serves the service.
    pub fn client(&self, flags: &Flags) -> Result<OperationsServiceClient<Authorized>> {
        caller::operations(&Environment::of_client(), flags, &self.service)
    }
}
