//! The way to a purchase.

use crate::domain::counting::Dimension;
use crate::domain::figures::permyriad;
use crate::domain::types::FUNNEL;
use crate::store::reports;
use crate::{App, wire};
use analytics_api::v1::{FunnelStep, GetFunnelRequest, GetFunnelResponse};
use contracts::Rpc;
use fault::Fault;

/// How many sessions of a period came how far.
pub async fn get_funnel(app: &App, request: GetFunnelRequest) -> Result<GetFunnelResponse, Fault> {
    let period = wire::period(request.period.as_ref())?.require_days()?;
    let load = async |tx: &mut pg::Tx| reports::load(tx, Dimension::Session, "", period).await;
    let figures = app.db.read_stale(GetFunnelRequest::METHOD, load).await?;
    let mut before = None;
    let step = |event_type| {
        let sessions = figures.events(event_type);
        let whole = before.replace(sessions.current);
        FunnelStep {
            event_type: i32::from(event_type),
            of_previous_permyriad: whole.and_then(|whole| permyriad(sessions.current, whole)),
            sessions: Some(sessions),
        }
    };
    Ok(GetFunnelResponse { steps: FUNNEL.into_iter().map(step).collect() })
}
