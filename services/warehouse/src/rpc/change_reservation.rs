//! Changes what a hold holds.

use crate::domain::allocation::{Context, Need};
use crate::domain::ledger::Ledger;
use crate::domain::reservation::Reservation;
use crate::open::Open;
use crate::reserve::{Plan, explain};
use crate::save;
use crate::store::{levels, levels::Wanted, reservations};
use crate::{App, wire};
use convert::read;
use fault::Fault;
use kernel::id::Id;
use pg::Tx;
use warehouse_api::v1::{ChangeReservationRequest, ChangeReservationResponse};

/// Afterwards it holds exactly these lines, or what it held before.
pub async fn change_reservation(
    app: &App,
    request: ChangeReservationRequest,
) -> Result<ChangeReservationResponse, Fault> {
    let (id, needs, to) = read(|fields| {
        let id = fields.id("reservation_id", &request.reservation_id);
        let needs = wire::allocation::needs(fields, &request.lines);
        let to = wire::allocation::context(fields, request.context.as_ref());
        Some((id?, needs?, to?))
    })?;
    let (wanted, to) = (&needs, &to);
    let changed = app
        .db
        .write_once(&request, async move |tx| {
            let (own, now) = change(app, tx, id, wanted, to).await?;
            let reservation = Some(wire::reservation::message(&own, now));
            Ok(ChangeReservationResponse { reservation })
        })
        .await;
    match changed {
        Ok(answer) => Ok(answer),
        Err(fault) => Err(explain(app, &needs, fault).await),
    }
}

async fn change(
    app: &App,
    tx: &mut Tx,
    id: Id<Reservation>,
    needs: &[Need],
    to: &Context,
) -> Result<(Reservation, chrono::DateTime<chrono::Utc>), Fault> {
    let locked = levels::lock_wanted_with(tx, &Wanted::of(needs), id).await?;
    let (plan, own) = Plan::of(app, tx, locked).await?;
    let mut open = Open::with_levels(tx, &[id], own).await?;
    let own = open.reservations.first_mut().ok_or_else(|| Reservation::not_found(id))?;
    let now = open.ledger.at();
    own.require_active(now, "be changed")?;
    plan.require_rules(needs)?;
    let before = own.clone();
    hold_exactly(&plan, own, needs, to, &mut open.ledger)?;
    if *own == before {
        save::ledger(tx, open.ledger).await?;
        return Ok((before, now));
    }
    let happened = own.changed(now);
    reservations::delete_lines_except(tx, own).await?;
    save::ledger(tx, open.ledger).await?;
    save::reservations(tx, &[(own, happened)]).await?;
    Ok((own.clone(), now))
}

fn hold_exactly(
    plan: &Plan,
    own: &mut Reservation,
    needs: &[Need],
    to: &Context,
    ledger: &mut Ledger,
) -> Result<(), Fault> {
    let missing = own.keep(needs, ledger)?;
    if missing.is_empty() {
        return Ok(());
    }
    let picks = plan.allocated(&missing, to, ledger)?;
    own.hold_more(&picks, "", ledger)
}
