//! A process that consumes, as two services: search counts, catalog keeps a projection.

use super::handlers::{self, App};
use super::{Common, database, error};
use anyhow::Result;
use bus::{Bus, Consumers, Tuning};
use clap::Args;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Its arguments.
#[derive(Debug, Clone, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    consuming: Consuming,
}

/// How it consumes.
#[derive(Debug, Clone, Args)]
pub struct Consuming {
    /// URL of the database of the service that counts.
    #[arg(long)]
    search: String,
    /// URL of the database of the service that keeps a projection.
    #[arg(long)]
    catalog: String,
    /// How long the broker waits for an acknowledgement, in milliseconds.
    #[arg(long, default_value_t = 2_000)]
    ack_wait: u64,
    /// How often the broker delivers a message at most.
    #[arg(long, default_value_t = 1_000)]
    max_deliver: i64,
    /// Handlers are repaired, and handle what they failed at before.
    #[arg(long)]
    mended: bool,
}

impl Consuming {
    /// The consumers of the service that counts.
    pub fn counting(&self, bus: &Bus) -> Result<Consumers> {
        let app = Arc::new(App { mended: self.mended });
        let consumers = Consumers::new(database("search", &self.search, 12)?, bus.clone());
        Ok(consumers
            .tuned(self.tuning())
            .on(app.clone(), handlers::count_update)
            .on(app, handlers::count_deletion))
    }

    /// The consumers of the service that keeps a projection.
    pub fn projecting(&self, bus: &Bus) -> Result<Consumers> {
        let app = Arc::new(App { mended: self.mended });
        let consumers = Consumers::new(database("catalog", &self.catalog, 12)?, bus.clone());
        Ok(consumers
            .tuned(self.tuning())
            .on_newest(app.clone(), handlers::project_update)
            .on_newest(app, handlers::project_deletion))
    }

    fn tuning(&self) -> Tuning {
        Tuning {
            ack_wait: Duration::from_millis(self.ack_wait),
            max_deliver: self.max_deliver,
            retry: Duration::from_millis(20),
            ..Tuning::default()
        }
    }
}

/// Consumes until it is killed.
pub async fn run(options: Options) -> Result<()> {
    options.common.begin()?;
    let bus = options.common.bus(None).await?;
    let stop = CancellationToken::new();
    let counting = options.consuming.counting(&bus)?.run(stop.clone());
    let projecting = options.consuming.projecting(&bus)?.run(stop);
    tokio::try_join!(counting, projecting).map_err(error)?;
    Ok(())
}
