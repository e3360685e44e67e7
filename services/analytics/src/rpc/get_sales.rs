//! Orders and purchases.

use crate::domain::counting::Dimension;
use crate::domain::figures::{Figures, average, compared};
use crate::store::reports;
use crate::{App, wire};
use analytics_api::v1::{EventType, GetSalesRequest, GetSalesResponse, Sales, SalesPoint};
use contracts::Rpc;
use convert::{read, timestamp};
use fault::Fault;
use mesh::paging::within_answer;

/// Orders and purchases of a period by currency.
pub async fn get_sales(app: &App, request: GetSalesRequest) -> Result<GetSalesResponse, Fault> {
    let period = wire::period(request.period.as_ref())?;
    let only = match request.currency_code.as_str() {
        "" => None,
        code => Some(read(|fields| fields.currency("currency_code", code))?.code()),
    };
    let name = GetSalesRequest::METHOD;
    let load = async |tx: &mut pg::Tx| reports::load(tx, Dimension::All, "", period).await;
    let figures = app.db.read_stale(name, load).await?;
    let is_wanted = |currency: &str| only.is_none_or(|only| only == currency);
    let currencies = figures.currencies(&[EventType::OrderCreated, EventType::Purchase]);
    let currencies = currencies.into_iter().filter(|currency| is_wanted(currency));
    let point = figures.current(EventType::Purchase).filter(|row| is_wanted(&row.currency));
    let point = point.map(|row| SalesPoint {
        from: Some(timestamp(row.bucket)),
        currency_code: row.currency.clone(),
        purchases: row.count.events,
        purchased_minor: row.count.amount,
    });
    let sales: Vec<Sales> = currencies.map(|currency| sales(&figures, currency)).collect();
    Ok(GetSalesResponse { sales, series: within_answer(point, 0) })
}

fn sales(figures: &Figures, currency: &str) -> Sales {
    let orders = figures.of(EventType::OrderCreated, currency, |count| count.events);
    let ordered = figures.of(EventType::OrderCreated, currency, |count| count.amount);
    let purchases = figures.of(EventType::Purchase, currency, |count| count.events);
    let purchased = figures.of(EventType::Purchase, currency, |count| count.amount);
    let average = compared(
        average(purchased.current, purchases.current),
        average(purchased.previous, purchases.previous),
    );
    Sales {
        currency_code: currency.to_owned(),
        orders: Some(orders),
        ordered_minor: Some(ordered),
        purchases: Some(purchases),
        purchased_minor: Some(purchased),
        average_minor: Some(average),
    }
}
