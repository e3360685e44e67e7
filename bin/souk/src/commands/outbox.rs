mod refused;
mod republish;

use anyhow::Result;
use clap::Subcommand;

/// The outbox: the durable history of what a service said.
#[derive(Debug, Subcommand)]
pub enum Outbox {
    /// Publish events again: what to do when the broker has lost some. Consumers know what they have handled.
    Republish(republish::Republish),
    /// Look at events that the broker refuses; try them again.
    #[command(subcommand)]
    Refused(refused::Refused),
}

impl Outbox {
    /// Does what was asked for.
    pub async fn run(self) -> Result<()> {
        match self {
            Self::Republish(command) => command.run().await,
            Self::Refused(command) => command.run().await,
        }
    }
}
