//! Imports stock in chunks; each chunk is one call that does all of its rows, or all but those that are refused.

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
use prost::Message;
use warehouse_api::v1::{
    BatchUpdateStockRequest, BatchUpdateStockResponse, ErrorPolicy, StockUpdate,
};

/// Imports stock.
pub async fn send<I>(
    caller: &Caller,
    options: Options,
    chunks: Chunks<I, StockUpdate>,
    progress: &mut Progress,
) -> Result<Tally>
where
    I: Iterator<Item = Result<Result<Row<StockUpdate>, Refused>>>,
{
    send_all(chunks, progress, async |chunk, progress, tally| {
        send_chunk(caller, options, chunk, progress, tally).await
    })
    .await
}

async fn send_chunk(
    caller: &Caller,
    options: Options,
    chunk: Chunk<StockUpdate>,
    progress: &mut Progress,
    tally: &mut Tally,
) -> Result<()> {
    let Chunk { rows, sequence, .. } = chunk;
    let last = rows.last().map_or(0, |row| row.line);
    let stops = options.on_error == OnError::Stop;
    let answer = match update(caller, request(options, sequence, &rows)).await {
        // It names some of the rows only, and none by its line: a check answers each.
        Err(fault) if stops && !options.dry_run && is_refusal(&fault) => {
            let checked = Options { dry_run: true, ..options };
            update(caller, request(checked, sequence, &rows)).await
        }
        answer => answer,
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(fault) => bail!(
            "import stock, lines {} to {last}: {fault}",
            rows.first().map_or(0, |row| row.line)
        ),
    };
    let refused = rows.iter().zip(&answer.results).filter(|(_, result)| !result.reason.is_empty());
    let mut refused = refused.map(|(row, result)| Refused {
        line: row.line,
        key: row.message.key(),
        reason: result.reason.clone(),
        message: result.message.clone(),
    });
    if stops && let Some(first) = refused.next() {
        progress.refused(first);
        tally.refused += 1;
        tally.stopped = true;
        return Ok(());
    }
    for why in refused {
        progress.refused(why);
        tally.refused += 1;
    }
    tally.add(0, answer.changed, answer.unchanged);
    progress.settle(last);
    progress.add(rows.len() as u64);
    Ok(())
}

async fn update(
    caller: &Caller,
    request: BatchUpdateStockRequest,
) -> Result<BatchUpdateStockResponse, Fault> {
    let mut warehouse = caller.warehouse.clone();
    with_retries(async || warehouse.batch_update_stock(call(request.clone())).await).await
}

fn request(options: Options, sequence: i64, rows: &[Row<StockUpdate>]) -> BatchUpdateStockRequest {
    let policy = match options.on_error {
        OnError::Stop => ErrorPolicy::RejectAll,
        OnError::Skip => ErrorPolicy::SkipFailed,
    };
    let mut request = BatchUpdateStockRequest {
        updates: rows.iter().map(|row| row.message.clone()).collect(),
        error_policy: policy.into(),
        validate_only: options.dry_run,
        ..Default::default()
    };
    request.request_id = request_id(options.import_id, sequence, &request.encode_to_vec());
    request
}

/// Whether something is wrong with a row, and not with the service.
fn is_refusal(fault: &Fault) -> bool {
    !matches!(fault.kind(), Kind::Internal | Kind::Unavailable | Kind::TimedOut)
}
