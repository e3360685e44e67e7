//! A process that replays all dead letters of the service that counts, as an operator does after the handler was repaired.

use super::consume::Consuming;
use super::{Common, error};
use anyhow::Result;
use bus::dead;
use clap::Args;

/// Dead letters that are read at once.
const PAGE: usize = 100;

/// Its arguments.
#[derive(Debug, Clone, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    consuming: Consuming,
}

/// Replays all there are; a dead letter that cannot be replayed ends it.
pub async fn run(options: Options) -> Result<()> {
    options.common.begin()?;
    let bus = options.common.bus(None).await?;
    let consumers = options.consuming.counting(&bus)?;
    let mut after = 0;
    loop {
        let dead_letters = dead::list(&bus, "search", after, PAGE).await.map_err(error)?;
        let Some(last) = dead_letters.last() else { return Ok(()) };
        after = last.sequence;
        for dead_letter in &dead_letters {
            consumers.replay(dead_letter).await.map_err(error)?;
        }
    }
}
