//! Customers.

use crate::domain::counting::{ANY, Dimension};
use crate::domain::figures::name;
use crate::store::reports;
use crate::{App, wire};
use analytics_api::v1::{EventType, GetCustomerReportRequest, GetCustomerReportResponse};
use contracts::Rpc;
use fault::Fault;

/// What customers did in a period.
pub async fn get_customer_report(
    app: &App,
    request: GetCustomerReportRequest,
) -> Result<GetCustomerReportResponse, Fault> {
    let period = wire::period(request.period.as_ref())?;
    let (all, customers) = app
        .db
        .read_stale(GetCustomerReportRequest::METHOD, async |tx| {
            let all = reports::load(tx, Dimension::All, "", period).await?;
            let customers = reports::load(tx, Dimension::Customer, "", period).await?;
            Ok((all, customers))
        })
        .await?;
    let events = |event_type| Some(all.events(event_type));
    let registered = name(EventType::CustomerRegistered);
    Ok(GetCustomerReportResponse {
        registered: events(EventType::CustomerRegistered),
        logins: events(EventType::CustomerLogin),
        logouts: events(EventType::CustomerLogout),
        profile_updates: events(EventType::CustomerProfileUpdated),
        password_resets: events(EventType::CustomerPasswordReset),
        active: period.is_of_days().then(|| customers.events_named(ANY)),
        series: all.series(|row| row.event_type == registered),
    })
}
