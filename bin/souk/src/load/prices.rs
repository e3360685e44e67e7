//! Imports prices in chunks; each chunk is one call that sets all of its prices or none.

use super::caller::{Caller, call};
use super::chunks::{Chunk, Chunks, Next};
use super::lines::Keyed;
use super::progress::Progress;
use super::retry::with_retries;
use super::{OnError, Refused, Row, Tally};
use anyhow::{Result, bail};
use contracts::{Kind, Validate};
use fault::{Common, Fault};
use kernel::digest::sha256;
use pricing_api::v1::{BulkSetPricesRequest, BulkSetPricesResponse, PriceDraft};
use prost::Message;
use std::collections::BTreeMap;
use uuid::{Builder, Uuid};

/// Maximum number of rows in a call.
pub const MAX_ROWS: usize = 1_000;

/// How to import.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The same id makes it safe to repeat an import within 24 hours.
    pub import_id: Uuid,
    /// Check everything and write nothing.
    pub dry_run: bool,
    /// What to do about a row that is refused.
    pub on_error: OnError,
}

/// Imports prices.
pub async fn send<I>(
    caller: &Caller,
    options: Options,
    mut chunks: Chunks<I, PriceDraft>,
    progress: &mut Progress,
) -> Result<Tally>
where
    I: Iterator<Item = Result<Result<Row<PriceDraft>, Refused>>>,
{
    let mut tally = Tally::default();
    while !tally.stopped {
        let mut refused = |why: &Refused| {
            progress.refused(why);
            progress.add(1);
            tally.refused += 1;
        };
        match chunks.next(&mut refused)? {
            Next::Chunk(chunk) => send_chunk(caller, options, chunk, progress, &mut tally).await?,
            Next::Stopped => tally.stopped = true,
            Next::End => break,
        }
    }
    Ok(tally)
}

/// Sends a chunk. If rows are refused and the policy is to skip them, sends the rest again.
async fn send_chunk(
    caller: &Caller,
    options: Options,
    chunk: Chunk<PriceDraft>,
    progress: &mut Progress,
    tally: &mut Tally,
) -> Result<()> {
    let all = chunk.rows.len() as u64;
    let mut rows = chunk.rows;
    let mut wrong = broken(&rows);
    loop {
        tally.refused += wrong.len() as u64;
        wrong.values().for_each(|why| progress.refused(why));
        if !wrong.is_empty() && options.on_error == OnError::Stop {
            tally.stopped = true;
            return Ok(());
        }
        let mut row = 0..;
        rows.retain(|_| row.next().is_none_or(|row| !wrong.contains_key(&row)));
        if rows.is_empty() {
            break;
        }
        match set(caller, request(options, chunk.sequence, &rows)).await {
            Ok(answer) => {
                tally.add(answer.created, answer.updated, answer.unchanged);
                break;
            }
            Err(fault) => {
                wrong = refused(&rows, &fault);
                if wrong.is_empty() {
                    bail!(
                        "import prices, lines {} to {}: {fault}",
                        line(rows.first()),
                        line(rows.last())
                    );
                }
            }
        }
    }
    progress.add(all);
    Ok(())
}

async fn set(
    caller: &Caller,
    request: BulkSetPricesRequest,
) -> Result<BulkSetPricesResponse, Fault> {
    let mut pricing = caller.pricing.clone();
    with_retries(async || pricing.bulk_set_prices(call(request.clone())).await).await
}

fn request(options: Options, sequence: i64, rows: &[Row<PriceDraft>]) -> BulkSetPricesRequest {
    let prices = rows.iter().map(|row| row.message.clone()).collect();
    let mut request =
        BulkSetPricesRequest { prices, validate_only: options.dry_run, request_id: String::new() };
    // The id depends on the body, because a chunk without its refused rows is another request and needs another id.
    let mut name = options.import_id.as_bytes().to_vec();
    name.extend(sequence.to_be_bytes());
    name.extend(request.encode_to_vec());
    let digest = u128::from_be_bytes(sha256(&name).first_chunk().copied().unwrap_or_default());
    request.request_id = Builder::from_custom_bytes(digest.to_be_bytes()).into_uuid().to_string();
    request
}

/// Rows that violate validation rules. The service would refuse the whole call because of them, so they are found before.
fn broken(rows: &[Row<PriceDraft>]) -> BTreeMap<usize, Refused> {
    let violations = rows.iter().enumerate().filter_map(|(index, row)| {
        let violations = row.message.violations();
        let first = violations.first()?;
        let message = format!("{}: {}", first.field, first.message);
        let fault = Fault::new(Common::InvalidField, message);
        Some((index, why(row, &fault, fault.message())))
    });
    violations.collect()
}

/// The rows that an error names by their field paths, e.g. `prices[3].sale`; none if the service failed.
fn refused(rows: &[Row<PriceDraft>], fault: &Fault) -> BTreeMap<usize, Refused> {
    if matches!(fault.kind(), Kind::Internal | Kind::Unavailable | Kind::TimedOut) {
        return BTreeMap::new();
    }
    let named = fault.violations().iter().filter_map(|violation| {
        let (index, path) = violation.field.strip_prefix("prices[")?.split_once(']')?;
        let index: usize = index.parse().ok()?;
        let path = path.trim_start_matches('.');
        let separator = if path.is_empty() { "" } else { ": " };
        let message = format!("{path}{separator}{}", by_line(rows, &violation.message));
        Some((index, why(rows.get(index)?, fault, &message)))
    });
    named.collect()
}

/// Replaces a reference to another row of the call with the number of its line.
fn by_line(rows: &[Row<PriceDraft>], message: &str) -> String {
    let named = || {
        let (before, rest) = message.split_once("prices[")?;
        let (index, after) = rest.split_once(']')?;
        let row = rows.get(index.parse::<usize>().ok()?)?;
        Some(format!("{before}line {}{after}", row.line))
    };
    named().unwrap_or_else(|| message.to_owned())
}

fn why(row: &Row<PriceDraft>, fault: &Fault, message: &str) -> Refused {
    Refused {
        line: row.line,
        key: row.message.key(),
        reason: fault.reason().to_owned(),
        message: message.to_owned(),
    }
}

fn line(row: Option<&Row<PriceDraft>>) -> u64 {
    row.map_or(0, |row| row.line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::types::v1::Money;
    use pricing_api::v1::{Item, Reason, item::Name};

    fn row(line: u64, sku: &str) -> Row<PriceDraft> {
        let message = PriceDraft {
            item: Some(Item { name: Some(Name::Sku(sku.to_owned())) }),
            base: Some(Money { currency_code: "USD".to_owned(), minor_units: 100 }),
            ..PriceDraft::default()
        };
        Row { line, message }
    }

    #[test]
    fn a_repetition_has_the_same_request_id_and_another_body_another_one() {
        let options = Options { import_id: Uuid::nil(), dry_run: false, on_error: OnError::Skip };
        let rows = [row(1, "A"), row(2, "B")];
        let id = |options, sequence, rows: &[Row<PriceDraft>]| {
            request(options, sequence, rows).request_id
        };
        assert_eq!(id(options, 1, &rows), id(options, 1, &rows));
        assert_ne!(id(options, 1, &rows), id(options, 2, &rows));
        assert_ne!(id(options, 1, &rows), id(options, 1, &rows[1..]));
        assert_ne!(
            id(options, 1, &rows),
            id(Options { import_id: Uuid::max(), ..options }, 1, &rows)
        );
        assert!(request(options, 1, &rows).violations().is_empty());
    }

    #[test]
    fn a_refusal_names_its_rows_and_a_failure_none() {
        let rows = [row(7, "A"), row(9, "B")];
        let fault = Fault::field(Reason::SaleAboveBase, "sale", "is above").below("prices[1]");
        let found = refused(&rows, &fault);
        let why = &found[&1];
        assert_eq!((found.len(), why.line, why.key.as_str()), (1, 9, "B"));
        assert_eq!(
            (why.reason.as_str(), why.message.as_str()),
            ("SALE_ABOVE_BASE", "sale: is above")
        );
        let fault =
            Fault::field(Reason::DuplicateRow, "prices[1]", "sets the same price as prices[0]");
        assert_eq!(refused(&rows, &fault)[&1].message, "sets the same price as line 7");
        assert!(refused(&rows, &Fault::internal("a bug")).is_empty());
    }

    #[test]
    fn rows_that_break_the_contract_are_found_before_they_are_sent() {
        let found = broken(&[row(1, "A"), row(2, "")]);
        assert_eq!(found.keys().collect::<Vec<_>>(), [&1]);
        assert!(found[&1].message.starts_with("item.sku: "), "{}", found[&1]);
    }
}
