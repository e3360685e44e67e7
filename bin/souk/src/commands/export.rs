use super::flags::Flags;
use crate::environment::Environment;
use crate::export::{Writer, events, prices, products, stock};
use crate::load::caller::Caller;
use crate::load::progress::Progress;
use crate::output;
use analytics_api::v1::RecordedEvent;
use anyhow::Result;
use catalog_api::v1::ImportRow;
use clap::{Args, Subcommand};
use pricing_api::v1::PriceDraft;
use std::path::PathBuf;
use warehouse_api::v1::StockUpdate;

/// Exports JSON lines. Products, prices and stock are as `souk import` reads them, without ids and times that the shop generated. The same
/// content gives the same bytes.
#[derive(Debug, Subcommand)]
pub enum Export {
    /// Products with their variants, as souk.catalog.v1.ImportRow.
    Products(Out),
    /// Prices, as souk.pricing.v1.PriceDraft.
    Prices(Out),
    /// Stock of all warehouses, as souk.warehouse.v1.StockUpdate.
    Stock(Out),
    /// What happened on a day, as souk.analytics.v1.RecordedEvent, by the ids of the events.
    Events(OutOfDay),
}

/// Which day, and where to write.
#[derive(Debug, Args)]
pub struct OutOfDay {
    /// The day in UTC, e.g. 2026-11-30.
    #[arg(long)]
    day: String,
    #[command(flatten)]
    out: Out,
}

/// Where to write.
#[derive(Debug, Args)]
pub struct Out {
    /// File to write, which appears when it is complete; `-` is standard output.
    #[arg(default_value = "-")]
    file: PathBuf,
    #[command(flatten)]
    flags: Flags,
}

impl Export {
    /// Writes all rows.
    pub async fn run(self) -> Result<()> {
        match self {
            Self::Products(out) => {
                let (caller, mut progress) = out.begin("products")?;
                let mut writer = Writer::open::<ImportRow>(&out.file)?;
                let without_key = products::export(&caller, &mut writer, &mut progress).await?;
                writer.finish()?;
                progress.finish();
                if without_key > 0 {
                    output::note(format_args!(
                        "{without_key} products have no key; their ids stand for it, so an import into this shop \
                         would refuse them: their SKUs are taken"
                    ));
                }
            }
            Self::Prices(out) => {
                let (caller, mut progress) = out.begin("prices")?;
                let mut writer = Writer::open::<PriceDraft>(&out.file)?;
                let of_products = prices::export(&caller, &mut writer, &mut progress).await?;
                writer.finish()?;
                progress.finish();
                if of_products > 0 {
                    output::note(format_args!(
                        "{of_products} prices are of products and name their ids, which exist in this shop only"
                    ));
                }
            }
            Self::Stock(out) => {
                let (caller, mut progress) = out.begin("levels")?;
                let mut writer = Writer::open::<StockUpdate>(&out.file)?;
                stock::export(&caller, &mut writer, &mut progress).await?;
                writer.finish()?;
                progress.finish();
            }
            Self::Events(OutOfDay { day, out }) => {
                let (caller, mut progress) = out.begin("events")?;
                let mut writer = Writer::open::<RecordedEvent>(&out.file)?;
                events::export(&caller, &day, &mut writer, &mut progress).await?;
                writer.finish()?;
                progress.finish();
            }
        }
        Ok(())
    }
}

impl Out {
    fn begin(&self, what: &'static str) -> Result<(Caller, Progress)> {
        let caller = Caller::new(&Environment::of_client(), &self.flags)?;
        Ok((caller, Progress::new(what, None)))
    }
}
