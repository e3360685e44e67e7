//! Sets many prices, all or none.

use crate::domain::draft::{PriceDraft, PriceKey};
use crate::domain::item::Items;
use crate::domain::price::Price;
use crate::domain::rows::{Rows, require_all};
use crate::domain::update::PriceUpdate;
use crate::store::prices;
use crate::update_prices::{Updated, update_prices};
use crate::upsert_prices::{Outcome, Wanted, hold_items, keys, overlapping, upsert_locked};
use crate::{App, catalog, wire};
use fault::{Common, Fault};
use kernel::id::Id;
use pg::Tx;
use pricing_api::v1::Reason;
use pricing_api::v1::price_check::Outcome as Checked;
use pricing_api::v1::{BulkSetPricesRequest, BulkSetPricesResponse, PriceCheck};
use std::collections::{BTreeMap, HashMap};

/// Most prices of one call.
const MAX_ROWS: usize = 1_000;

/// Changes and creates prices in one transaction, and counts what became of them; or says of each what would become of it.
pub async fn bulk_set_prices(
    app: &App,
    request: BulkSetPricesRequest,
) -> Result<BulkSetPricesResponse, Fault> {
    let rows = request.prices.len() + request.updates.len();
    if !(1..=MAX_ROWS).contains(&rows) {
        let message = format!("together with updates must be 1 to {MAX_ROWS}, they are {rows}");
        return Err(Fault::field(Common::InvalidField, "prices", message));
    }
    let mut drafts = Rows::of_drafts(request.prices.iter().map(wire::row));
    let mut updates = Rows::of_updates(request.updates.iter().map(wire::update_row));
    if let Some(answer) = app.db.replayed(&request).await? {
        return Ok(answer);
    }
    let items = catalog::resolve(app, drafts.items()).await?;
    drafts.require_items(&items);
    if request.validate_only {
        let (updates, drafts, items) = (&updates, &drafts, &items);
        return app
            .db
            .write_once(&request, async move |tx| check(tx, updates, drafts, items).await)
            .await;
    }
    require_all(updates.take_refused(), drafts.take_refused())?;
    let (updates, (_, wanted)) = (updates.good(), &wanted(&drafts, &items));
    app.db
        .write_once(&request, async move |tx| {
            let (updated, there) = change(tx, updates, wanted).await?;
            require_all(updated.refused, changed_twice(updates, &there, wanted))?;
            let set = upsert_locked(tx, wanted, there).await?;
            let mut answer = BulkSetPricesResponse::default();
            let done = updated.done.values().chain(&set);
            done.for_each(|(outcome, _)| count(&mut answer, *outcome));
            Ok(answer)
        })
        .await
}

/// The good ones of the prices to set, with their places.
fn wanted(drafts: &Rows<PriceDraft>, items: &Items) -> (Vec<usize>, Vec<Wanted>) {
    let good = drafts.good().iter().filter_map(|(row, draft)| {
        let target = items.live(&draft.key.item)?.clone();
        let (draft, path) = (draft.clone(), format!("prices[{row}]"));
        Some((*row, Wanted { draft, target, expected: None, path }))
    });
    good.unzip()
}

/// Locks everything that the call is about and does the updates; returns the prices as they are then.
async fn change(
    tx: &mut Tx,
    updates: &BTreeMap<usize, PriceUpdate>,
    wanted: &[Wanted],
) -> Result<(Updated, Vec<Price>), Fault> {
    hold_items(tx, wanted).await?;
    let ids: Vec<Id<Price>> = updates.values().map(|update| update.id).collect();
    let mut there = prices::lock(tx, &ids, &keys(wanted)).await?;
    let updated = update_prices(tx, updates, &there).await?;
    for (_, price) in updated.done.values() {
        if let Some(old) = there.iter_mut().find(|old| old.head.id == price.head.id) {
            *old = price.clone();
        }
    }
    Ok((updated, there))
}

/// Prices to set that an update of the same call names too.
fn changed_twice(
    updates: &BTreeMap<usize, PriceUpdate>,
    there: &[Price],
    wanted: &[Wanted],
) -> BTreeMap<usize, Fault> {
    let updates: HashMap<Id<Price>, usize> =
        updates.iter().map(|(row, update)| (update.id, *row)).collect();
    let live = there.iter().filter(|price| !price.head.is_deleted());
    let keys: HashMap<&PriceKey, usize> =
        live.filter_map(|price| Some((&price.key, *updates.get(&price.head.id)?))).collect();
    let twice = wanted.iter().enumerate().filter_map(|(place, own)| {
        let of = keys.get(&own.draft.key)?;
        let message = format!("sets the price that updates[{of}] changes");
        Some((place, Fault::field(Reason::DuplicateRow, "", message)))
    });
    twice.collect()
}

/// What would become of each row: all is done and taken back.
async fn check(
    tx: &mut Tx,
    updates: &Rows<PriceUpdate>,
    drafts: &Rows<PriceDraft>,
    items: &Items,
) -> Result<BulkSetPricesResponse, Fault> {
    tx.savepoint().await?;
    let (rows, all) = wanted(drafts, items);
    let (updated, there) = change(tx, updates.good(), &all).await?;
    let mut taken = changed_twice(updates.good(), &there, &all);
    taken.extend(overlapping(tx, &all.iter().collect::<Vec<_>>()).await?);
    let (free, all): (Vec<usize>, Vec<Wanted>) =
        all.into_iter().enumerate().filter(|(place, _)| !taken.contains_key(place)).unzip();
    let done = upsert_locked(tx, &all, there).await?;
    tx.rollback_to_savepoint().await?;

    let row = |place: usize| rows.get(place).copied().unwrap_or(place);
    let done = free.into_iter().zip(&done).map(|(place, (outcome, _))| (row(place), *outcome));
    let taken: BTreeMap<usize, Fault> =
        taken.into_iter().map(|(place, fault)| (row(place), fault)).collect();
    let mut answer = BulkSetPricesResponse::default();
    answer.checks = checks(&mut answer, done, drafts.refused().iter().chain(&taken));
    let done = updated.done.iter().map(|(row, (outcome, _))| (*row, *outcome));
    let refused = updates.refused().iter().chain(&updated.refused);
    answer.update_checks = checks(&mut answer, done, refused);
    Ok(answer)
}

/// Counts what would become of rows, and says it of each.
fn checks<'f>(
    answer: &mut BulkSetPricesResponse,
    done: impl Iterator<Item = (usize, Outcome)>,
    refused: impl Iterator<Item = (&'f usize, &'f Fault)>,
) -> Vec<PriceCheck> {
    let mut checks: BTreeMap<usize, PriceCheck> = BTreeMap::new();
    for (row, outcome) in done {
        count(answer, outcome);
        checks.insert(row, PriceCheck { outcome: checked(outcome).into(), ..Default::default() });
    }
    for (row, fault) in refused {
        answer.refused += 1;
        checks.insert(*row, refusal(fault));
    }
    checks.into_values().collect()
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
            let mut rows = Rows::of_drafts(prices.iter().map(wire::row));
            let fault = require_all(BTreeMap::new(), rows.take_refused()).unwrap_err();
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
