//! A process that replays all dead letters of the service that counts, as an operator does after the handler was mended.

use super::listen::Listening;
use super::{Common, told};
use anyhow::Result;
use bus::dead;
use clap::Args;

/// Letters that are read at once.
const PAGE: usize = 100;

/// What it is told.
#[derive(Debug, Clone, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    listening: Listening,
}

/// Replays what is there; a letter that cannot be replayed ends it.
pub async fn run(options: Options) -> Result<()> {
    options.common.begin()?;
    let bus = options.common.bus(None).await?;
    let consumers = options.listening.counting(&bus)?;
    let mut after = 0;
    loop {
        let letters = dead::list(&bus, "search", after, PAGE).await.map_err(told)?;
        let Some(last) = letters.last() else { return Ok(()) };
        after = last.sequence;
        for letter in &letters {
            consumers.replay(letter).await.map_err(told)?;
        }
    }
}
