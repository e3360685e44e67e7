use super::flags::Flags;
use crate::environment::Environment;
use crate::load::caller::Caller;
use crate::load::chunks::Chunks;
use crate::load::keyed::Keyed;
use crate::load::lines::{Lines, require_json_lines};
use crate::load::progress::Progress;
use crate::load::send::Options;
use crate::load::{OnError, Tally, archive, prices, products, stock};
use crate::output;
use crate::usage::Usage;
use anyhow::{Context, Result, bail};
use catalog_api::v1::{ImportErrorPolicy, ImportRow, ImportStart};
use clap::{Args, Subcommand};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use uuid::Uuid;

/// Largest share of refused rows, in percent, where none is given.
const MAX_REFUSED: u8 = 10;

/// Imports JSON lines: each line is a message in protobuf's JSON. Refused rows are listed on standard error.
#[derive(Debug, Subcommand)]
pub enum Import {
    /// Products with their variants, as souk.catalog.v1.ImportRow.
    Products(Products),
    /// Prices, as souk.pricing.v1.PriceDraft.
    Prices(Prices),
    /// Stock, as souk.warehouse.v1.StockUpdate: what was counted, came or is set of a SKU in a warehouse, named by its code or id.
    Stock(Stock),
}

/// Creates and updates products by their keys.
#[derive(Debug, Args)]
pub struct Products {
    #[command(flatten)]
    rows: Rows,
    /// Rows that are written in one transaction.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=1000))]
    chunk: u16,
    /// Define an attribute that is not defined from its first value.
    #[arg(long)]
    define_missing_attributes: bool,
    /// Create a brand that does not exist.
    #[arg(long)]
    create_missing_brands: bool,
    /// Archive the products with a key that is not in the file, which must be complete. Try it with --dry-run first.
    #[arg(long)]
    archive_missing: bool,
    /// Largest share of the products that --archive-missing may archive, in percent.
    #[arg(long, default_value_t = 10, requires = "archive_missing", value_parser = clap::value_parser!(u8).range(0..=100))]
    max_archived: u8,
    #[command(flatten)]
    flags: Flags,
}

/// Creates and changes prices.
#[derive(Debug, Args)]
pub struct Prices {
    #[command(flatten)]
    rows: Rows,
    /// Rows that are written in one transaction.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=1000))]
    chunk: u16,
    #[command(flatten)]
    flags: Flags,
}

/// Changes stock.
#[derive(Debug, Args)]
pub struct Stock {
    #[command(flatten)]
    rows: Rows,
    /// Rows that are written in one transaction.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=1000))]
    chunk: u16,
    #[command(flatten)]
    flags: Flags,
}

/// The rows and how to import them.
#[derive(Debug, Args)]
struct Rows {
    /// File with the rows; `-` is standard input.
    #[arg(default_value = "-")]
    file: PathBuf,
    /// Check rows against the shop and write nothing; with `--on-error skip` all of them.
    #[arg(long)]
    dry_run: bool,
    /// What to do about a row that is refused.
    #[arg(long, value_enum, default_value_t)]
    on_error: OnError,
    /// With `--on-error skip`: fail in the end if more than this share of the rows was refused, in percent. Default: 10.
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=100))]
    max_refused: Option<u8>,
    /// Id of the import. With the same id, rows and chunk size an interrupted import continues. Default: a new id.
    #[arg(long)]
    import_id: Option<Uuid>,
}

impl Import {
    /// Fails where the import stopped at a refused row, or too many were refused.
    pub async fn run(self) -> Result<()> {
        match self {
            Self::Products(command) => command.run().await,
            Self::Prices(command) => command.run().await,
            Self::Stock(command) => command.run().await,
        }
    }
}

impl Products {
    async fn run(self) -> Result<()> {
        let caller = Caller::new(&Environment::of_client(), &self.flags)?;
        let import_id = self.rows.begin()?;
        let mut chunks = Chunks::new(self.rows.read()?, self.chunk.into(), self.rows.on_error);
        let start = ImportStart {
            import_id: import_id.to_string(),
            on_error: policy(self.rows.on_error).into(),
            dry_run: self.rows.dry_run,
            define_missing_attributes: self.define_missing_attributes,
            create_missing_brands: self.create_missing_brands,
        };
        let mut progress = Progress::new("products", self.rows.count()?);
        let tally = products::send(&caller, start, &mut chunks, &mut progress).await;
        let tally = match tally {
            Ok(tally) if self.archive_missing && !tally.stopped => {
                let names = chunks.names();
                self.archive(&caller, names, &mut progress).await.map(|()| tally)
            }
            tally => tally,
        };
        progress.finish();
        self.rows.end("products", tally?)
    }

    async fn archive(
        &self,
        caller: &Caller,
        names: Option<&<ImportRow as Keyed>::Seen>,
        progress: &mut Progress,
    ) -> Result<()> {
        let Some(names) = names else {
            bail!(
                "a row could not be read, so it is not known which products are missing; nothing was archived"
            );
        };
        let (dry_run, max_percent) = (self.rows.dry_run, self.max_archived);
        let options = archive::Options { dry_run, max_percent };
        let is_in_feed = |key: &str| names.has_key(key);
        let tally = archive::archive_missing(caller, is_in_feed, options, progress).await?;
        let verb = if dry_run { "would be archived" } else { "archived" };
        let (updated, refused) = (tally.updated, tally.refused);
        output::line(format_args!(
            "missing products: {updated} {verb}, {refused} changed meanwhile"
        ));
        Ok(())
    }
}

impl Prices {
    async fn run(self) -> Result<()> {
        let caller = Caller::new(&Environment::of_client(), &self.flags)?;
        let options = Options {
            import_id: self.rows.begin()?,
            dry_run: self.rows.dry_run,
            on_error: self.rows.on_error,
        };
        let chunks = Chunks::new(self.rows.read()?, self.chunk.into(), self.rows.on_error);
        let mut progress = Progress::new("prices", self.rows.count()?);
        let tally = prices::send(&caller, options, chunks, &mut progress).await;
        progress.finish();
        self.rows.end("prices", tally?)
    }
}

impl Stock {
    async fn run(self) -> Result<()> {
        let caller = Caller::new(&Environment::of_client(), &self.flags)?;
        let options = Options {
            import_id: self.rows.begin()?,
            dry_run: self.rows.dry_run,
            on_error: self.rows.on_error,
        };
        let chunks = Chunks::new(self.rows.read()?, self.chunk.into(), self.rows.on_error);
        let mut progress = Progress::new("levels", self.rows.count()?);
        let tally = stock::send(&caller, options, chunks, &mut progress).await;
        progress.finish();
        self.rows.end("stock", tally?)
    }
}

impl Rows {
    /// Says under which id it runs, so that it can be resumed even where it is killed.
    fn begin(&self) -> Result<Uuid> {
        if self.max_refused.is_some() && self.on_error == OnError::Stop {
            let message = "--max-refused: without --on-error skip the first refused row stops it";
            return Err(Usage(message.to_owned()).into());
        }
        let id = self.import_id.unwrap_or_else(Uuid::now_v7);
        output::note(format_args!("import {id}"));
        Ok(id)
    }

    fn read<M: Keyed>(&self) -> Result<Lines<Box<dyn BufRead>, M>> {
        Lines::new(match self.is_pipe() {
            true => Box::new(std::io::stdin().lock()),
            false => Box::new(self.open()?),
        })
    }

    /// How many rows the file has, for the progress; none for a pipe.
    fn count(&self) -> Result<Option<u64>> {
        if self.is_pipe() {
            return Ok(None);
        }
        let mut rows = 0;
        for line in self.open()?.split(b'\n') {
            let line = line.with_context(|| format!("read {}", self.file.display()))?;
            let has_content = !line.trim_ascii().is_empty();
            // Before the shop is called: it could be away.
            if rows == 0 && has_content {
                require_json_lines(&line)?;
            }
            rows += u64::from(has_content);
        }
        Ok(Some(rows))
    }

    fn open(&self) -> Result<BufReader<File>> {
        let file = File::open(&self.file);
        Ok(BufReader::new(file.with_context(|| format!("read {}", self.file.display()))?))
    }

    fn is_pipe(&self) -> bool {
        self.file.as_os_str() == "-"
    }

    fn end(&self, what: &str, tally: Tally) -> Result<()> {
        if tally.rows() == 0 {
            output::note("there are no rows");
        }
        let dry_run = if self.dry_run { " (dry run: nothing was written)" } else { "" };
        output::line(format_args!("{what}: {tally}{dry_run}"));
        if tally.stopped || (tally.refused > 0 && self.on_error == OnError::Stop) {
            bail!("a row was refused; mend it, or go on without such rows by --on-error skip");
        }
        let max_refused = self.max_refused.unwrap_or(MAX_REFUSED);
        if is_above(tally, max_refused) {
            let others = if self.dry_run { "would be taken" } else { "were taken" };
            bail!(
                "{} of {} rows were refused, more than {max_refused} % (--max-refused); the others {others}",
                tally.refused,
                tally.rows(),
            );
        }
        Ok(())
    }
}

/// Whether more than this share of the rows was refused, in percent.
fn is_above(tally: Tally, percent: u8) -> bool {
    u128::from(tally.refused) * 100 > u128::from(tally.rows()) * u128::from(percent)
}

fn policy(on_error: OnError) -> ImportErrorPolicy {
    match on_error {
        OnError::Stop => ImportErrorPolicy::Stop,
        OnError::Skip => ImportErrorPolicy::Skip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_refused_rows_is_exact_at_its_border() {
        let tally = |refused| Tally { created: 100 - refused, refused, ..Tally::default() };
        assert!(!is_above(tally(10), 10));
        assert!(is_above(tally(11), 10));
        assert!(is_above(tally(1), 0) && !is_above(tally(0), 0));
        assert!(!is_above(tally(100), 100));
    }
}
