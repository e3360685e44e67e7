//! Everything in a period, at a glance.

use crate::domain::counting::{ANY, Dimension};
use crate::domain::types::KINDS;
use crate::store::reports;
use crate::{App, wire};
use analytics_api::v1::{Compared, EventType, GetOverviewRequest, GetOverviewResponse, TypeCount};
use contracts::Rpc;
use fault::Fault;

/// Events of each type, sessions, customers and amounts.
pub async fn get_overview(
    app: &App,
    request: GetOverviewRequest,
) -> Result<GetOverviewResponse, Fault> {
    let period = wire::period(request.period.as_ref())?;
    let (all, sessions, customers) = app
        .db
        .read_stale(GetOverviewRequest::METHOD, async |tx| {
            let all = reports::load(tx, Dimension::All, "", period).await?;
            let sessions = reports::load(tx, Dimension::Session, "", period).await?;
            let customers = reports::load(tx, Dimension::Customer, "", period).await?;
            Ok((all, sessions, customers))
        })
        .await?;
    let types = KINDS.iter().filter_map(|kind| {
        let events = all.events(kind.event_type);
        let is_there = events.current > 0 || events.previous > 0;
        is_there.then(|| TypeCount { event_type: kind.event_type.into(), events: Some(events) })
    });
    let by_day = |figure: Compared| period.is_of_days().then_some(figure);
    Ok(GetOverviewResponse {
        types: types.collect(),
        sessions: by_day(sessions.events_named(ANY)),
        active_customers: by_day(customers.events_named(ANY)),
        purchased: all.amounts(EventType::Purchase),
        series: all.series(|_| true),
    })
}
