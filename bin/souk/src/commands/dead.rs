mod discard;
mod list;
mod replay;
mod selection;
mod show;

use anyhow::Result;
use clap::Subcommand;

/// Dead letters: events that a service could not handle. They are kept until they are replayed or discarded.
#[derive(Debug, Subcommand)]
pub enum Dead {
    /// List dead letters: which event, the error, and when it failed.
    List(list::List),
    /// Print one dead letter with all details.
    Show(show::Show),
    /// Handle dead letters again; each event is applied once. Follows the replay until it ends.
    Replay(replay::Replay),
    /// Remove dead letters for good.
    Discard(discard::Discard),
}

impl Dead {
    /// Runs the command.
    pub async fn run(self) -> Result<()> {
        match self {
            Self::List(command) => command.run().await,
            Self::Show(command) => command.run().await,
            Self::Replay(command) => command.run().await,
            Self::Discard(command) => command.run().await,
        }
    }
}
