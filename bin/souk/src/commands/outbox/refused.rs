mod list;
mod retry;
mod selection;

use anyhow::Result;
use clap::Subcommand;

/// Events that the broker refuses. Each is retried automatically; later events of the same key wait for it.
#[derive(Debug, Subcommand)]
pub enum Refused {
    /// List them: which event, why the broker refuses it, and when it is retried.
    List(list::List),
    /// Retry them at once, when the cause is fixed.
    Retry(retry::Retry),
}

impl Refused {
    /// Runs the command.
    pub async fn run(self) -> Result<()> {
        match self {
            Self::List(command) => command.run().await,
            Self::Retry(command) => command.run().await,
        }
    }
}
