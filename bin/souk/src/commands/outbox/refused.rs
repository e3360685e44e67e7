mod list;
mod retry;
mod selection;

use anyhow::Result;
use clap::Subcommand;

/// Events that the broker refuses. Each is tried again by itself, and all later events of its key wait behind it.
#[derive(Debug, Subcommand)]
pub enum Refused {
    /// List them: which event, why the broker refuses it, and when it is tried next.
    List(list::List),
    /// Try them again at once: what to do when the cause is mended.
    Retry(retry::Retry),
}

impl Refused {
    /// Does what was asked for.
    pub async fn run(self) -> Result<()> {
        match self {
            Self::List(command) => command.run().await,
            Self::Retry(command) => command.run().await,
        }
    }
}
