mod discard;
mod list;
mod replay;
mod selection;
mod show;

use anyhow::Result;
use clap::Subcommand;

/// Dead letters: events that a service could not take. They stay until they are replayed or discarded.
#[derive(Debug, Subcommand)]
pub enum Dead {
    /// List them: which event, what went wrong, since when.
    List(list::List),
    /// Print one with everything that is known of it.
    Show(show::Show),
    /// Feed them to the service's handler again; each has its effect once. Follows the work to its end.
    Replay(replay::Replay),
    /// Remove them for good.
    Discard(discard::Discard),
}

impl Dead {
    /// Does what was asked for.
    pub async fn run(self) -> Result<()> {
        match self {
            Self::List(command) => command.run().await,
            Self::Show(command) => command.run().await,
            Self::Replay(command) => command.run().await,
            Self::Discard(command) => command.run().await,
        }
    }
}
