//! A process that republishes everything, as an operator does whose broker has lost its data. One that dies starts from the
//! beginning.

use super::{Common, database, error};
use crate::event::PUBLISHER;
use anyhow::Result;
use clap::Args;
use pg::outbox::{Events, republish};

/// Its arguments.
#[derive(Debug, Clone, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// URL of the publisher's database.
    #[arg(long)]
    database: String,
}

/// Goes through the outbox page by page.
pub async fn run(options: Options) -> Result<()> {
    options.common.begin()?;
    let db = database(PUBLISHER, &options.database, 2)?;
    let (events, mut place) = (&Events::default(), None);
    loop {
        let page =
            db.write("faults.republish", async move |tx| republish(tx, events, place, false).await);
        place = page.await.map_err(error)?.next;
        if place.is_none() {
            return Ok(());
        }
    }
}
