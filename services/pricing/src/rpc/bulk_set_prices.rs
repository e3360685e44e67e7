//! Sets many prices, all or none.

use crate::domain::draft::PriceDraft;
use crate::domain::rows::check_rows;
use crate::upsert_prices::{Outcome, Wanted, upsert_prices};
use crate::{App, catalog, wire};
use convert::read;
use fault::Fault;
use pg::Tx;
use pricing_api::v1::{BulkSetPricesRequest, BulkSetPricesResponse};

/// Creates and changes prices in one transaction, and counts what became of them.
pub async fn bulk_set_prices(
    app: &App,
    request: BulkSetPricesRequest,
) -> Result<BulkSetPricesResponse, Fault> {
    let drafts = drafts(&request)?;
    if let Some(answer) = app.db.replayed(&request).await? {
        return Ok(answer);
    }
    let targets = catalog::require(app, &drafts, path).await?;
    let wanted = drafts.into_iter().zip(targets).enumerate();
    let wanted = wanted.map(|(row, (draft, target))| Wanted {
        draft,
        target,
        expected: None,
        path: path(row),
    });
    let (wanted, validate_only) = (&wanted.collect::<Vec<_>>(), request.validate_only);
    app.db.write_once(&request, async move |tx| set(tx, wanted, validate_only).await).await
}

async fn set(
    tx: &mut Tx,
    wanted: &[Wanted],
    is_dry_run: bool,
) -> Result<BulkSetPricesResponse, Fault> {
    if is_dry_run {
        tx.savepoint().await?;
    }
    let mut counted = BulkSetPricesResponse::default();
    for (outcome, _) in upsert_prices(tx, wanted).await? {
        match outcome {
            Outcome::Created => counted.created += 1,
            Outcome::Updated => counted.updated += 1,
            Outcome::Unchanged => counted.unchanged += 1,
        }
    }
    if is_dry_run {
        tx.rollback_to_savepoint().await?;
    }
    Ok(counted)
}

fn drafts(request: &BulkSetPricesRequest) -> Result<Vec<PriceDraft>, Fault> {
    let drafts: Vec<PriceDraft> =
        read(|fields| fields.each("prices", &request.prices, wire::draft))?;
    check_rows(&drafts)?;
    Ok(drafts)
}

fn path(row: usize) -> String {
    format!("prices[{row}]")
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
            base: Some(Money { currency_code: currency.into(), minor_units: 100 }),
            sale: sale.map(|sale| Money { currency_code: "USD".into(), minor_units: sale }),
            ..Default::default()
        };
        let refusal = |second: Row| {
            let prices = vec![row("A-1", "USD", None), second];
            let fault = drafts(&BulkSetPricesRequest { prices, ..Default::default() }).unwrap_err();
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
