//! Changes the units on hand of many SKUs.

use crate::domain::item::Item;
use crate::domain::stock_update::StockUpdate;
use crate::update_stock::{Updated, codes, items, require, update_all};
use crate::wire::stock_update::Codes;
use crate::{App, wire};
use convert::{read, text};
use fault::Fault;
use std::collections::HashSet;
use warehouse_api::v1::{
    BatchUpdateStockRequest, BatchUpdateStockResponse, ErrorPolicy, Reason, StockResult,
};

/// Changes in one transaction: all or none, or those that are not refused.
pub async fn batch_update_stock(
    app: &App,
    request: BatchUpdateStockRequest,
) -> Result<BatchUpdateStockResponse, Fault> {
    if let Some(answer) = app.db.replayed(&request).await? {
        return Ok(answer);
    }
    let rejects = request.error_policy() != ErrorPolicy::SkipFailed && !request.validate_only;
    let codes = codes(app, &request.updates).await?;
    let rows = read_rows(&request, &codes);
    let wanted: Vec<&StockUpdate> = rows.iter().flatten().collect();
    let known = &items(app, &wanted).await?;
    let rows: Vec<Result<(StockUpdate, Item), Fault>> = rows
        .into_iter()
        .map(|row| {
            let update = row?;
            let item = require(known, &update)?.clone();
            Ok((update, item))
        })
        .collect();
    let rows = if rejects { all(rows)?.into_iter().map(Ok).collect() } else { rows };
    let (rows, only_checked) = (&rows, request.validate_only);
    app.db
        .write_once(&request, async move |tx| {
            let fine: Vec<(&StockUpdate, &Item)> =
                rows.iter().flatten().map(|(update, item)| (update, item)).collect();
            let mut done = update_all(app, tx, &fine, |answers| {
                only_checked || (rejects && answers.iter().any(Result::is_err))
            })
            .await?;
            if rejects {
                done = all(done)?.into_iter().map(Ok).collect();
            }
            Ok(answer(rows, done))
        })
        .await
}

/// The rows, those that are wrong with their refusals.
fn read_rows(request: &BatchUpdateStockRequest, codes: &Codes) -> Vec<Result<StockUpdate, Fault>> {
    let mut seen = HashSet::new();
    let row = |sent| {
        let update = wire::stock_update::row(sent, codes)?;
        if !seen.insert((update.sku.clone(), update.warehouse_id)) {
            let message = "is in an earlier row of this call with the same warehouse";
            return Err(Fault::field(Reason::DuplicateRow, "sku", message));
        }
        Ok(update)
    };
    request.updates.iter().map(row).collect()
}

/// All rows, or the refusal of the call that names those that are refused, with the reason of the first.
fn all<T>(rows: Vec<Result<T, Fault>>) -> Result<Vec<T>, Fault> {
    read(|fields| {
        let rows = rows.into_iter().enumerate().map(|(index, row)| {
            fields.within(format_args!("updates[{index}]"), |fields| fields.take(row))
        });
        rows.collect::<Vec<Option<T>>>().into_iter().collect()
    })
}

/// What became of the rows; `done` are those of them that could be read.
fn answer<T>(
    rows: &[Result<T, Fault>],
    done: Vec<Result<Updated, Fault>>,
) -> BatchUpdateStockResponse {
    let mut answer = BatchUpdateStockResponse::default();
    let mut done = done.into_iter();
    for row in rows {
        let result = match row {
            Ok(_) => done.next().map_or_else(StockResult::default, |done| match done {
                Ok(done) => updated(&done, &mut answer),
                Err(fault) => refusal(&fault),
            }),
            Err(fault) => refusal(fault),
        };
        answer.refused += i32::from(!result.reason.is_empty());
        answer.results.push(result);
    }
    answer
}

fn updated(done: &Updated, answer: &mut BatchUpdateStockResponse) -> StockResult {
    let movement = done.movement.as_ref();
    match done.is_changed {
        true => answer.changed += 1,
        false => answer.unchanged += 1,
    }
    StockResult {
        version: done.level.head.version,
        available: done.level.available(),
        movement_id: text(movement.map(|own| own.id).as_ref()),
        ..StockResult::default()
    }
}

fn refusal(fault: &Fault) -> StockResult {
    StockResult {
        reason: fault.reason().to_owned(),
        // That of a row as a whole begins with its empty path.
        message: fault.message().trim_start_matches(": ").to_owned(),
        fields: fault.violations().iter().map(|violation| violation.field.clone()).collect(),
        ..StockResult::default()
    }
}
