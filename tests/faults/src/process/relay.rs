//! A process that relays.

use super::{Common, database, error};
use crate::event::PUBLISHER;
use anyhow::Result;
use bus::Relay;
use clap::Args;
use tokio_util::sync::CancellationToken;

/// Its arguments.
#[derive(Debug, Clone, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// URL of the publisher's database.
    #[arg(long)]
    database: String,
    /// Most bytes of the stream.
    #[arg(long)]
    max_bytes: Option<i64>,
}

/// Relays until it is killed.
pub async fn run(options: Options) -> Result<()> {
    options.common.begin()?;
    let db = database(PUBLISHER, &options.database, 2)?;
    let bus = options.common.bus(options.max_bytes).await?;
    Relay::new(db, bus).run(CancellationToken::new()).await.map_err(error)
}
