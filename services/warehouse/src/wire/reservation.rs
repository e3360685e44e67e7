//! Reservations.

use crate::domain::reservation::{Happened, Line, Part, Reservation, State};
use chrono::{DateTime, Utc};
use contracts::Fact;
use convert::{Fields, text, timestamp};
use proto::{
    ReservationCancelled, ReservationCommitted, ReservationExpired, ReservationFulfilled,
    ReservationReleased, ReservationState,
};
use warehouse_api::v1 as proto;

/// A reservation as it is at an instant.
pub fn message(own: &Reservation, at: DateTime<Utc>) -> proto::Reservation {
    proto::Reservation {
        reservation_id: own.id.to_string(),
        owner_id: own.owner_id.clone(),
        order_id: text(own.order_id.as_ref()),
        state: ReservationState::from(own.state_at(at)).into(),
        lines: own.lines.iter().map(Into::into).collect(),
        expire_time: Some(timestamp(own.expires_at)),
        payment_in_flight: own.payment_in_flight,
        version: own.version,
        create_time: Some(timestamp(own.created_at)),
        update_time: Some(timestamp(own.updated_at)),
    }
}

/// The event of what happened; none where others are not told.
pub fn event(own: &Reservation, happened: Happened) -> Option<Fact> {
    let reservation = Some(message(own, own.updated_at));
    Some(match happened {
        Happened::Silently => return None,
        Happened::Committed => Fact::from(&ReservationCommitted { reservation }),
        Happened::Released => Fact::from(&ReservationReleased { reservation }),
        Happened::Expired => Fact::from(&ReservationExpired { reservation }),
        Happened::Fulfilled => Fact::from(&ReservationFulfilled { reservation }),
        Happened::Cancelled => Fact::from(&ReservationCancelled { reservation }),
    })
}

impl From<&Line> for proto::ReservationLine {
    fn from(line: &Line) -> Self {
        Self {
            sku: line.sku.to_string(),
            warehouse_id: line.warehouse_id.to_string(),
            quantity: line.quantity,
            fulfilled: line.fulfilled,
            cancelled: line.cancelled,
        }
    }
}

impl From<State> for ReservationState {
    fn from(state: State) -> Self {
        match state {
            State::Active => Self::Active,
            State::Committed => Self::Committed,
            State::Fulfilled => Self::Fulfilled,
            State::Released => Self::Released,
            State::Expired => Self::Expired,
            State::Cancelled => Self::Cancelled,
        }
    }
}

/// The parts of a reservation that a caller names; none: all of it.
pub fn parts(fields: &mut Fields, lines: &[proto::WantedLine]) -> Option<Option<Vec<Part>>> {
    let parts: Vec<Part> = fields.each("lines", lines, |fields, line| {
        let sku = fields.sku("sku", &line.sku);
        let warehouse_id = fields.optional_id("warehouse_id", &line.warehouse_id);
        Some(Part { sku: sku?, warehouse_id: warehouse_id?, quantity: line.quantity })
    })?;
    Some(Some(parts).filter(|parts| !parts.is_empty()))
}
