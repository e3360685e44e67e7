//! Sets many prices, all or none.

use crate::domain::draft::PriceDraft;
use crate::domain::item::{Item, Target};
use crate::domain::rows::Rows;
use crate::upsert_prices::{Outcome, Wanted, overlapping, upsert_prices};
use crate::{App, catalog, wire};
use contracts::Validate;
use convert::read;
use fault::Fault;
use pg::Tx;
use pricing_api::v1::price_check::Outcome as Checked;
use pricing_api::v1::{self as proto, BulkSetPricesRequest, BulkSetPricesResponse, PriceCheck};
use std::collections::{BTreeMap, BTreeSet};

/// Creates and changes prices in one transaction, and counts what became of them; or says of each what would become of it.
pub async fn bulk_set_prices(
    app: &App,
    request: BulkSetPricesRequest,
) -> Result<BulkSetPricesResponse, Fault> {
    let mut rows = Rows::new(request.prices.iter().map(draft));
    if let Some(answer) = app.db.replayed(&request).await? {
        return Ok(answer);
    }
    let items: BTreeSet<&Item> = rows.good().values().map(|draft| &draft.key.item).collect();
    let live = catalog::live(app, items).await?;
    rows.require_items(&live);
    if request.validate_only {
        let (rows, live) = (&rows, &live);
        return app.db.write_once(&request, async move |tx| check(tx, rows, live).await).await;
    }
    let wanted =
        rows.require_all()?.into_iter().filter_map(|(row, draft)| wanted(row, &draft, &live));
    let wanted = &wanted.collect::<Vec<_>>();
    app.db
        .write_once(&request, async move |tx| {
            let mut answer = BulkSetPricesResponse::default();
            upsert_prices(tx, wanted)
                .await?
                .iter()
                .for_each(|(outcome, _)| count(&mut answer, *outcome));
            Ok(answer)
        })
        .await
}

/// Its own rules are checked here and not in the codec, so that a check of all rows names the broken ones too.
fn draft(sent: &proto::PriceDraft) -> Result<PriceDraft, Fault> {
    let violations = sent.violations();
    if !violations.is_empty() {
        return Err(Fault::invalid(violations));
    }
    read(|fields| wire::draft(fields, sent))
}

/// What would become of each row: all is done and taken back.
async fn check(
    tx: &mut Tx,
    rows: &Rows,
    live: &BTreeMap<Item, Target>,
) -> Result<BulkSetPricesResponse, Fault> {
    tx.savepoint().await?;
    let wanted: Vec<(usize, Wanted)> = rows
        .good()
        .iter()
        .filter_map(|(row, draft)| Some((*row, wanted(*row, draft, live)?)))
        .collect();
    let (places, all): (Vec<usize>, Vec<Wanted>) = wanted.into_iter().unzip();
    let taken = overlapping(tx, &all.iter().collect::<Vec<_>>()).await?;
    let taken: BTreeMap<usize, Fault> =
        taken.into_iter().map(|(place, fault)| (places[place], fault)).collect();
    let (places, free): (Vec<usize>, Vec<Wanted>) =
        places.into_iter().zip(all).filter(|(row, _)| !taken.contains_key(row)).unzip();
    let done = upsert_prices(tx, &free).await?;
    tx.rollback_to_savepoint().await?;

    let mut answer = BulkSetPricesResponse::default();
    let mut checks: BTreeMap<usize, PriceCheck> = BTreeMap::new();
    for (row, (outcome, _)) in places.into_iter().zip(done) {
        count(&mut answer, outcome);
        checks.insert(row, PriceCheck { outcome: checked(outcome).into(), ..Default::default() });
    }
    for (row, fault) in rows.refused().iter().chain(&taken) {
        answer.refused += 1;
        checks.insert(*row, refusal(fault));
    }
    answer.checks = checks.into_values().collect();
    Ok(answer)
}

fn wanted(row: usize, draft: &PriceDraft, live: &BTreeMap<Item, Target>) -> Option<Wanted> {
    let target = live.get(&draft.key.item)?.clone();
    Some(Wanted { draft: draft.clone(), target, expected: None, path: format!("prices[{row}]") })
}

fn count(answer: &mut BulkSetPricesResponse, outcome: Outcome) {
    match outcome {
        Outcome::Created => answer.created += 1,
        Outcome::Updated => answer.updated += 1,
        Outcome::Unchanged => answer.unchanged += 1,
    }
}

fn checked(outcome: Outcome) -> Checked {
    match outcome {
        Outcome::Created => Checked::Created,
        Outcome::Updated => Checked::Updated,
        Outcome::Unchanged => Checked::Unchanged,
    }
}

fn refusal(fault: &Fault) -> PriceCheck {
    PriceCheck {
        outcome: Checked::Refused.into(),
        reason: fault.reason().to_owned(),
        // That of a row as a whole begins with its empty path.
        message: fault.message().trim_start_matches(": ").to_owned(),
        fields: fault.violations().iter().map(|violation| violation.field.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::types::v1::Money;
    use pricing_api::v1::{Item, PriceDraft as Row, item::Name};

    #[test]
    fn a_row_is_refused_with_its_index() {
        let row = |sku: &str, currency: &str, sale: Option<i64>| Row {
            item: Some(Item { name: Some(Name::Sku(sku.into())) }),
            base: Some(Money { currency_code: currency.into(), minor_units: Some(100) }),
            sale: sale.map(|sale| Money { currency_code: "USD".into(), minor_units: Some(sale) }),
            ..Default::default()
        };
        let refusal = |second: Row| {
            let prices = [row("A-1", "USD", None), second];
            let fault = Rows::new(prices.iter().map(draft)).require_all().unwrap_err();
            (fault.reason().to_owned(), fault.violations()[0].field.clone())
        };
        let cases = [
            (row("A-2", "XXX", None), "UNKNOWN_CURRENCY", "prices[1].base.currency_code"),
            (row("A-2", "EUR", Some(1)), "CURRENCY_MISMATCH", "prices[1].sale.currency_code"),
            (row("A-2", "USD", Some(101)), "SALE_ABOVE_BASE", "prices[1].sale.minor_units"),
            (row("A-2", "USD", Some(-1)), "NEGATIVE_PRICE", "prices[1].sale.minor_units"),
            (row(" A-2", "USD", None), "UNKNOWN_ITEM", "prices[1].item.sku"),
            (row("A-1", "USD", None), "DUPLICATE_ROW", "prices[1]"),
        ];
        for (second, reason, field) in cases {
            assert_eq!(refusal(second), (reason.to_owned(), field.to_owned()));
        }
    }
}
