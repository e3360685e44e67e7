//! Imports prices in chunks; each chunk is one call that sets all of its prices or none.

use super::caller::{Caller, call};
use super::chunks::{Chunk, Chunks};
use super::keyed::Keyed;
use super::progress::Progress;
use super::retry::with_retries;
use super::send::{Options, send_all};
use super::{OnError, Refused, Row, Tally, request_id};
use anyhow::{Result, bail};
use contracts::Kind;
use fault::Fault;
use pricing_api::v1::price_check::Outcome;
use pricing_api::v1::{BulkSetPricesRequest, BulkSetPricesResponse, PriceCheck, PriceDraft};
use prost::Message;
use std::collections::BTreeMap;

/// Maximum number of rows in a call.
pub const MAX_ROWS: usize = 1_000;

/// Imports prices.
pub async fn send<I>(
    caller: &Caller,
    options: Options,
    chunks: Chunks<I, PriceDraft>,
    progress: &mut Progress,
) -> Result<Tally>
where
    I: Iterator<Item = Result<Result<Row<PriceDraft>, Refused>>>,
{
    send_all(chunks, progress, async |chunk, progress, tally| {
        send_chunk(caller, options, chunk, progress, tally).await
    })
    .await
}

/// Sends a chunk. If rows are refused and the policy is to skip them, sends the rest again.
async fn send_chunk(
    caller: &Caller,
    options: Options,
    chunk: Chunk<PriceDraft>,
    progress: &mut Progress,
    tally: &mut Tally,
) -> Result<()> {
    let (all, last) = (chunk.rows.len() as u64, line(chunk.rows.last()));
    let mut rows = chunk.rows;
    let mut wrong: BTreeMap<usize, Refused> = BTreeMap::new();
    loop {
        // The import stops at the first one, whatever the size of a chunk.
        if let (OnError::Stop, Some((_, first))) = (options.on_error, wrong.first_key_value()) {
            progress.refused(first.clone());
            tally.refused += 1;
            tally.stopped = true;
            return Ok(());
        }
        tally.refused += wrong.len() as u64;
        wrong.values().cloned().for_each(|why| progress.refused(why));
        let mut row = 0..;
        rows.retain(|_| row.next().is_none_or(|row| !wrong.contains_key(&row)));
        if rows.is_empty() {
            break;
        }
        match set(caller, request(options, chunk.sequence, &rows)).await {
            Ok(answer) => {
                wrong = refused(&rows, &answer.checks);
                if wrong.is_empty() || options.on_error == OnError::Skip {
                    tally.refused += wrong.len() as u64;
                    wrong.into_values().for_each(|why| progress.refused(why));
                    tally.add(answer.created, answer.updated, answer.unchanged);
                    break;
                }
            }
            Err(fault) => {
                wrong = match is_refusal(&fault) {
                    true => refused(&rows, &check(caller, &rows).await?),
                    false => BTreeMap::new(),
                };
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
    progress.settle(last);
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
        BulkSetPricesRequest { prices, validate_only: options.dry_run, ..Default::default() };
    request.request_id = request_id(options.import_id, sequence, &request.encode_to_vec());
    request
}

/// Whether something is wrong with a row, and not with the service.
fn is_refusal(fault: &Fault) -> bool {
    !matches!(fault.kind(), Kind::Internal | Kind::Unavailable | Kind::TimedOut)
}

/// What would become of each row. The refusal of a call names some of them only.
async fn check(caller: &Caller, rows: &[Row<PriceDraft>]) -> Result<Vec<PriceCheck>> {
    let prices = rows.iter().map(|row| row.message.clone()).collect();
    let request = BulkSetPricesRequest { prices, validate_only: true, ..Default::default() };
    Ok(set(caller, request).await?.checks)
}

/// The rows that would be refused.
fn refused(rows: &[Row<PriceDraft>], checks: &[PriceCheck]) -> BTreeMap<usize, Refused> {
    let checked = rows.iter().zip(checks).enumerate();
    let refused = checked.filter(|(_, (_, check))| check.outcome() == Outcome::Refused);
    refused
        .map(|(index, (row, check))| {
            let why = Refused {
                line: row.line,
                key: row.message.key(),
                reason: check.reason.clone(),
                message: by_line(rows, &check.message),
            };
            (index, why)
        })
        .collect()
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

fn line(row: Option<&Row<PriceDraft>>) -> u64 {
    row.map_or(0, |row| row.line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::types::v1::Money;
    use pricing_api::v1::{Item, Reason, item::Name};
    use uuid::Uuid;

    fn row(line: u64, sku: &str) -> Row<PriceDraft> {
        let message = PriceDraft {
            item: Some(Item { name: Some(Name::Sku(sku.to_owned())) }),
            base: Some(Money { currency_code: "USD".to_owned(), minor_units: Some(100) }),
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
    }

    #[test]
    fn refused_rows_are_named_by_their_lines() {
        let rows = [row(7, "A"), row(9, "B")];
        let check = |outcome: Outcome, message: &str| PriceCheck {
            outcome: outcome.into(),
            reason: "DUPLICATE_ROW".to_owned(),
            message: message.to_owned(),
            ..PriceCheck::default()
        };
        let checks = [
            check(Outcome::Created, ""),
            check(Outcome::Refused, "sets the same price as prices[0]"),
        ];
        let found = refused(&rows, &checks);
        let why = &found[&1];
        assert_eq!((found.len(), why.line, why.key.as_str()), (1, 9, "B"));
        assert_eq!(why.message, "sets the same price as line 7");
        assert!(is_refusal(&Fault::field(Reason::DuplicateRow, "prices[1]", "comes twice")));
        assert!(!is_refusal(&Fault::internal("a bug")));
    }
}
