mod refused;
mod republish;

use anyhow::Result;
use clap::Subcommand;

/// The outbox: the events that a service has published or will publish.
#[derive(Debug, Subcommand)]
pub enum Outbox {
    /// Publish events again, when the broker has lost some. Consumers skip events that they have handled.
    Republish(republish::Republish),
    /// Look at events that the broker refuses, and retry them.
    #[command(subcommand)]
    Refused(refused::Refused),
}

impl Outbox {
    /// Runs the command.
    pub async fn run(self) -> Result<()> {
        match self {
            Self::Republish(command) => command.run().await,
            Self::Refused(command) => command.run().await,
        }
    }
}
