use super::flags::Flags;
use crate::environment::Environment;
use crate::load::caller::Caller;
use crate::load::chunks::Chunks;
use crate::load::progress::Progress;
use crate::load::send::Options;
use crate::load::{OnError, Refused, Row, Tally, entries, events, prices, products, stock};
use crate::output;
use crate::seed::{Shop, warehouses};
use anyhow::{Result, bail};
use catalog_api::v1::{ImportErrorPolicy, ImportStart};
use clap::Args;
use contracts::{Validate, Violations};
use kernel::digest::{hex, sha256};
use pricing_api::v1::PriceDraft;
use prost::Message;
use std::collections::HashMap;
use uuid::Uuid;

/// Fills the shop with a generated assortment of invented brands. A second run changes nothing.
#[derive(Debug, Args)]
pub struct Seed {
    /// How many products; 0: only categories, brands and attributes.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    products: u32,
    /// Seed of the random generator; another seed generates another shop.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// For how many days before today things happened in the shop; 0: nothing is sent to analytics. The events of a day are always the same,
    /// so sending them again counts nothing.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u64).range(..=60))]
    event_days: u64,
    /// Generate and check everything here, and send nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    flags: Flags,
}

impl Seed {
    /// Fails if the shop refuses a row, which happens only if it contains other data.
    pub async fn run(self) -> Result<()> {
        let shop = Shop { products: self.products, seed: self.seed };
        if self.dry_run {
            return preview(shop);
        }
        let caller = Caller::new(&Environment::of_client(), &self.flags)?;
        fill(&caller, shop).await?;
        events::fill(&caller, shop, self.event_days).await
    }
}

/// Sends a generated shop and prints the result of each part.
pub async fn fill(caller: &Caller, shop: Shop) -> Result<()> {
    report("categories", entries::categories(caller, &shop.categories()).await?)?;
    report("brands", entries::brands(caller, &shop.brands()).await?)?;
    report("attributes", entries::attributes(caller, &shop.attributes()).await?)?;

    let mut progress = Progress::new("products", Some(shop.products.into()));
    let start = ImportStart {
        // A new id each time: with the same id the import would be skipped as done, and changes made since would not be reverted.
        import_id: Uuid::now_v7().to_string(),
        on_error: ImportErrorPolicy::Stop.into(),
        ..ImportStart::default()
    };
    let mut chunks = Chunks::new(numbered(shop.rows()), 200, OnError::Stop);
    let tally = products::send(caller, start, &mut chunks, &mut progress).await;
    progress.finish();
    report("products", tally?)?;

    let (tally, ids) = entries::warehouses(caller, &warehouses()).await?;
    report("warehouses", tally)?;
    // Prices name warehouses by their ids, which this shop has given them.
    let of_shop = shop.prices().map(move |price| of_this_shop(price, &ids));
    let total = u64::try_from(shop.prices().count()).ok();
    let mut progress = Progress::new("prices", total);
    let options = Options { import_id: Uuid::now_v7(), dry_run: false, on_error: OnError::Stop };
    let chunks = Chunks::new(numbered(of_shop), prices::MAX_ROWS / 2, OnError::Stop);
    let tally = prices::send(caller, options, chunks, &mut progress).await;
    progress.finish();
    report("prices", tally?)?;

    let total = u64::try_from(shop.stock().count()).ok();
    let mut progress = Progress::new("levels", total);
    let options = Options { import_id: Uuid::now_v7(), dry_run: false, on_error: OnError::Stop };
    let chunks = Chunks::new(numbered(shop.stock()), prices::MAX_ROWS / 2, OnError::Stop);
    let tally = stock::send(caller, options, chunks, &mut progress).await;
    progress.finish();
    report("stock", tally?)
}

fn of_this_shop(mut price: PriceDraft, ids: &HashMap<String, String>) -> PriceDraft {
    if let Some(scope) = &mut price.scope
        && let Some(id) = ids.get(&scope.warehouse_id)
    {
        scope.warehouse_id.clone_from(id);
    }
    price
}

fn numbered<M>(
    messages: impl Iterator<Item = M>,
) -> impl Iterator<Item = Result<Result<Row<M>, Refused>>> {
    (1..).zip(messages).map(|(line, message)| Ok(Ok(Row { line, message })))
}

fn report(what: &str, tally: Tally) -> Result<()> {
    output::line(format_args!("{what}: {tally}"));
    if tally.stopped || tally.refused > 0 {
        bail!("the shop refused {what} of the sample; does it hold another assortment already?");
    }
    Ok(())
}

fn preview(shop: Shop) -> Result<()> {
    let (mut bytes, mut variants, mut rows, mut prices) = (Vec::new(), 0, 0, 0);
    let mut broken = Violations::default();
    for row in shop.rows() {
        broken.append(&row.violations());
        variants += row.variants.len();
        rows += 1;
        row.encode(&mut bytes)?;
    }
    for price in shop.prices() {
        broken.append(&price.violations());
        prices += 1;
        price.encode(&mut bytes)?;
    }
    if let Some(violation) = broken.first() {
        bail!(
            "{} rows break a rule; the first: {}: {}",
            broken.count(),
            violation.field,
            violation.message
        );
    }
    output::line(format_args!(
        "would send {} categories, {} brands, {} attributes, {rows} products with {variants} variants, \
         {prices} prices; sha256 {}",
        shop.categories().len(),
        shop.brands().len(),
        shop.attributes().len(),
        hex(&sha256(&bytes)),
    ));
    Ok(())
}
