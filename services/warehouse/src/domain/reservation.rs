//! Reservations: units that carts hold, and that orders are promised (IN-02). Each decision books its movements on a ledger whose levels
//! are locked and have been swept: on them nothing is held whose time is up.

use super::allocation::{Need, Pick};
use super::ledger::{Cause, Delta, Kind, Ledger};
use super::level::Level;
use super::warehouse::Warehouse;
use chrono::{DateTime, Utc};
use fault::Fault;
use kernel::id::Id;
use kernel::sku::Sku;
use warehouse_api::v1::Reason;

/// A reservation.
#[derive(Debug, Clone, PartialEq)]
pub struct Reservation {
    /// Its id.
    pub id: Id<Reservation>,
    /// Whose it is.
    pub owner_id: String,
    /// The order that it was committed for.
    pub order_id: Option<String>,
    /// State as of the last change; see [`Reservation::state_at`].
    pub state: State,
    /// When the hold ends.
    pub expires_at: DateTime<Utc>,
    /// Whether it was prolonged for a payment.
    pub payment_in_flight: bool,
    /// Raised by one with every change, from 1.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Its lines, one for each level.
    pub lines: Vec<Line>,
}

/// Units of one level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The level.
    pub stock_id: Id<Level>,
    /// Its SKU.
    pub sku: Sku,
    /// Its warehouse.
    pub warehouse_id: Id<Warehouse>,
    /// Units.
    pub quantity: i64,
    /// Units of them that were shipped.
    pub fulfilled: i64,
    /// Units of them that were taken back.
    pub cancelled: i64,
    /// Whether the level's `reserved` has the units.
    pub held: bool,
}

/// States of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A cart holds the units.
    Active,
    /// An order was promised the units.
    Committed,
    /// All units were shipped, those excepted that were taken back.
    Fulfilled,
    /// The cart let go.
    Released,
    /// The time of the hold was up.
    Expired,
    /// The order let go of all units.
    Cancelled,
}

/// What happened to a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// Nothing that others are told of.
    Silently,
    /// It was committed.
    Committed,
    /// It was released.
    Released,
    /// Its time was up.
    Expired,
    /// Units were shipped.
    Fulfilled,
    /// Units were taken back.
    Cancelled,
}

/// Units of a SKU that a caller names, of one warehouse or wherever they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// SKU.
    pub sku: Sku,
    /// The warehouse.
    pub warehouse_id: Option<Id<Warehouse>>,
    /// Units.
    pub quantity: i64,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Active,
        Self::Committed,
        Self::Fulfilled,
        Self::Released,
        Self::Expired,
        Self::Cancelled,
    ];

    /// As the database keeps it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Committed => "committed",
            Self::Fulfilled => "fulfilled",
            Self::Released => "released",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// The reverse of [`State::name`].
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.name() == name)
    }
}

impl Line {
    /// Units that were promised and neither shipped nor taken back.
    pub fn open(&self) -> i64 {
        self.quantity - self.fulfilled - self.cancelled
    }
}

impl Reservation {
    /// The state at an instant: a hold whose time is up has expired, whether or not anything noticed.
    pub fn state_at(&self, at: DateTime<Utc>) -> State {
        match self.state {
            State::Active if self.expires_at <= at => State::Expired,
            state => state,
        }
    }

    /// Prolongs it until an instant, never less than it lasts anyway.
    pub fn extend(
        &mut self,
        until: DateTime<Utc>,
        at: DateTime<Utc>,
    ) -> Result<Option<Happened>, Fault> {
        self.require_active(at, "be prolonged")?;
        if until <= self.expires_at {
            return Ok(None);
        }
        self.expires_at = until;
        Ok(Some(self.change(Happened::Silently, at)))
    }

    /// Keeps it until a deadline while a payment is under way. Again it changes nothing.
    pub fn mark_payment(
        &mut self,
        until: DateTime<Utc>,
        at: DateTime<Utc>,
    ) -> Result<Option<Happened>, Fault> {
        self.require_active(at, "wait for a payment")?;
        if self.payment_in_flight {
            return Ok(None);
        }
        self.payment_in_flight = true;
        self.expires_at = self.expires_at.max(until);
        Ok(Some(self.change(Happened::Silently, at)))
    }

    /// Promises the units to an order. What has expired is taken anew, all of it or nothing.
    pub fn commit(
        &mut self,
        order_id: &str,
        ledger: &mut Ledger,
    ) -> Result<Option<Happened>, Fault> {
        match self.state {
            State::Active | State::Expired => {}
            State::Committed | State::Fulfilled => {
                return self.require_order(order_id).map(|()| None);
            }
            State::Released | State::Cancelled => {
                return Err(self.refused("be committed", ledger.at()));
            }
        }
        let lost: Vec<&Line> = self.lines.iter().filter(|line| is_lost(line, ledger)).collect();
        if let Some(first) = lost.first() {
            return Err(self.lost(first, lost.len()));
        }
        self.order_id = Some(order_id.to_owned());
        for line in self.lines.iter().collect::<Vec<_>>() {
            let delta = match line.held {
                true => Delta::commit(line.quantity),
                false => Delta::allocate(line.quantity),
            };
            ledger.book(line.stock_id, Kind::Allocate, delta, self.cause())?;
        }
        self.lines.iter_mut().for_each(|line| line.held = false);
        self.state = State::Committed;
        Ok(Some(self.change(Happened::Committed, ledger.at())))
    }

    /// Lets go of the hold.
    pub fn release(&mut self, ledger: &mut Ledger) -> Result<Option<Happened>, Fault> {
        match self.state_at(ledger.at()) {
            State::Active => {}
            State::Released | State::Expired => return Ok(None),
            State::Committed | State::Fulfilled | State::Cancelled => {
                return Err(self.refused("be released; cancel it", ledger.at()));
            }
        }
        self.let_go(ledger)?;
        self.state = State::Released;
        Ok(Some(self.change(Happened::Released, ledger.at())))
    }

    /// Notes that its time is up.
    pub fn expire(&mut self, ledger: &mut Ledger) -> Result<Option<Happened>, Fault> {
        if self.state != State::Active || self.state_at(ledger.at()) != State::Expired {
            return Ok(None);
        }
        self.let_go(ledger)?;
        self.state = State::Expired;
        Ok(Some(self.change(Happened::Expired, ledger.at())))
    }

    /// Ships units: these, or all that are open.
    pub fn fulfill(
        &mut self,
        parts: Option<&[Part]>,
        fulfillment_id: Option<&str>,
        ledger: &mut Ledger,
    ) -> Result<Option<Happened>, Fault> {
        if parts.is_none() && self.state == State::Fulfilled {
            return Ok(None);
        }
        self.require_committed("be shipped", ledger.at())?;
        let fulfillment_id = fulfillment_id.map(ToOwned::to_owned);
        for (index, quantity) in self.take(parts)? {
            let line = &self.lines[index];
            let cause = Cause { fulfillment_id: fulfillment_id.clone(), ..self.cause() };
            ledger.book(line.stock_id, Kind::Ship, Delta::ship(quantity), cause)?;
            self.lines[index].fulfilled += quantity;
        }
        self.end_if_done();
        Ok(Some(self.change(Happened::Fulfilled, ledger.at())))
    }

    /// Takes units back: these, or all that are open.
    pub fn cancel(
        &mut self,
        parts: Option<&[Part]>,
        fulfillment_id: Option<&str>,
        ledger: &mut Ledger,
    ) -> Result<Option<Happened>, Fault> {
        if parts.is_none() && self.state == State::Cancelled {
            return Ok(None);
        }
        self.require_committed("be cancelled", ledger.at())?;
        let fulfillment_id = fulfillment_id.map(ToOwned::to_owned);
        for (index, quantity) in self.take(parts)? {
            let line = &self.lines[index];
            let cause = Cause { fulfillment_id: fulfillment_id.clone(), ..self.cause() };
            ledger.book(line.stock_id, Kind::Deallocate, Delta::allocate(-quantity), cause)?;
            self.lines[index].cancelled += quantity;
        }
        self.end_if_done();
        Ok(Some(self.change(Happened::Cancelled, ledger.at())))
    }

    /// Lets go of what a hold has beyond these needs; returns what it lacks of them. Needs that name a warehouse come first.
    pub fn keep(&mut self, needs: &[Need], ledger: &mut Ledger) -> Result<Vec<Need>, Fault> {
        let mut kept = vec![0; self.lines.len()];
        let mut missing = Vec::new();
        let (named, free): (Vec<&Need>, Vec<&Need>) =
            needs.iter().partition(|need| need.warehouse_id.is_some());
        for need in named.into_iter().chain(free) {
            let mut left = need.quantity;
            for (line, kept) in self.lines.iter().zip(&mut kept) {
                if need.sku == line.sku
                    && need.warehouse_id.is_none_or(|id| id == line.warehouse_id)
                {
                    let units = left.min(line.quantity - *kept);
                    (*kept, left) = (*kept + units, left - units);
                }
            }
            if left > 0 {
                missing.push(Need { quantity: left, ..need.clone() });
            }
        }
        let cause = self.cause();
        for (line, kept) in self.lines.iter_mut().zip(&kept) {
            let surplus = line.quantity - kept;
            if surplus > 0 {
                let delta = Delta::hold(-surplus);
                ledger.book(line.stock_id, Kind::Release, delta, cause.clone())?;
                line.quantity = *kept;
            }
        }
        self.lines.retain(|line| line.quantity > 0);
        Ok(missing)
    }

    /// Holds what was picked too, in lines of their own where it has none of the level.
    pub fn hold_more(
        &mut self,
        picks: &[Pick],
        actor: &str,
        ledger: &mut Ledger,
    ) -> Result<(), Fault> {
        for pick in picks {
            let delta = Delta::hold(pick.quantity);
            let cause = Cause { actor: actor.to_owned(), ..self.cause() };
            ledger.book(pick.stock_id, Kind::Reserve, delta, cause)?;
            match self.lines.iter_mut().find(|line| line.stock_id == pick.stock_id) {
                Some(line) => line.quantity += pick.quantity,
                None => self.lines.push(Line {
                    stock_id: pick.stock_id,
                    sku: ledger.level(pick.stock_id)?.sku.clone(),
                    warehouse_id: pick.warehouse_id,
                    quantity: pick.quantity,
                    fulfilled: 0,
                    cancelled: 0,
                    held: true,
                }),
            }
        }
        Ok(())
    }

    /// Counts a change that others are not told of.
    pub fn changed(&mut self, at: DateTime<Utc>) -> Happened {
        self.change(Happened::Silently, at)
    }

    /// What its movements are made for.
    pub fn cause(&self) -> Cause {
        Cause {
            reservation_id: Some(self.id.uuid()),
            order_id: self.order_id.clone(),
            ..Cause::default()
        }
    }

    /// Refuses what only a hold can do that has not expired.
    pub fn require_active(&self, at: DateTime<Utc>, what: &str) -> Result<(), Fault> {
        if self.state_at(at) == State::Active { Ok(()) } else { Err(self.refused(what, at)) }
    }

    /// The refusal for one that does not exist.
    pub fn not_found(id: impl std::fmt::Display) -> Fault {
        Fault::new(Reason::ReservationNotFound, format!("there is no reservation {id}"))
    }

    fn change(&mut self, happened: Happened, at: DateTime<Utc>) -> Happened {
        self.version += 1;
        self.updated_at = at;
        happened
    }

    fn let_go(&mut self, ledger: &mut Ledger) -> Result<(), Fault> {
        for line in self.lines.iter().filter(|line| line.held) {
            ledger.book(line.stock_id, Kind::Release, Delta::hold(-line.quantity), self.cause())?;
        }
        self.lines.iter_mut().for_each(|line| line.held = false);
        Ok(())
    }

    /// How many units of which lines the parts are, or all open ones.
    fn take(&self, parts: Option<&[Part]>) -> Result<Vec<(usize, i64)>, Fault> {
        let mut open: Vec<i64> = self.lines.iter().map(Line::open).collect();
        let Some(parts) = parts else {
            return Ok(open.into_iter().enumerate().filter(|(_, units)| *units > 0).collect());
        };
        let mut taken = vec![0; open.len()];
        for (place, part) in parts.iter().enumerate() {
            let mut left = part.quantity;
            let own = self.lines.iter().enumerate().filter(|(_, line)| part.is_of(line));
            for (index, _) in own {
                let units = left.min(open[index]);
                (open[index], taken[index], left) =
                    (open[index] - units, taken[index] + units, left - units);
            }
            if left > 0 {
                return Err(above_open(part, place, left));
            }
        }
        Ok(taken.into_iter().enumerate().filter(|(_, units)| *units > 0).collect())
    }

    fn end_if_done(&mut self) {
        if self.lines.iter().all(|line| line.open() == 0) {
            let shipped = self.lines.iter().any(|line| line.fulfilled > 0);
            self.state = if shipped { State::Fulfilled } else { State::Cancelled };
        }
    }

    fn require_committed(&self, what: &str, at: DateTime<Utc>) -> Result<(), Fault> {
        if self.state == State::Committed { Ok(()) } else { Err(self.refused(what, at)) }
    }

    fn require_order(&self, order_id: &str) -> Result<(), Fault> {
        match &self.order_id {
            Some(own) if own != order_id => {
                let message = format!("the reservation was committed for order {own}");
                Err(Fault::new(Reason::ReservationOfAnotherOrder, message).with("order_id", own))
            }
            _ => Ok(()),
        }
    }

    fn refused(&self, what: &str, at: DateTime<Utc>) -> Fault {
        let state = self.state_at(at).name().to_uppercase();
        let message = format!("the reservation is {state} and cannot {what}");
        Fault::new(Reason::ReservationState, message).with("state", state)
    }

    fn lost(&self, first: &Line, lines: usize) -> Fault {
        let sku = &first.sku;
        let message = format!(
            "the hold expired at {}, and others have taken {lines} of its {} lines, the first of {sku}",
            self.expires_at.format("%FT%TZ"),
            self.lines.len(),
        );
        Fault::new(Reason::ReservationLost, message).with("sku", sku)
    }
}

impl Part {
    fn is_of(&self, line: &Line) -> bool {
        self.sku == line.sku && self.warehouse_id.is_none_or(|own| own == line.warehouse_id)
    }
}

fn is_lost(line: &Line, ledger: &Ledger) -> bool {
    let sellable = ledger.level(line.stock_id).map(Level::sellable).unwrap_or_default();
    !line.held && sellable < line.quantity
}

fn above_open(part: &Part, place: usize, left: i64) -> Fault {
    let open = part.quantity - left;
    let message = format!("{} of {} are open, not {}", open, part.sku, part.quantity);
    Fault::field(Reason::QuantityAboveOpen, format!("lines[{place}].quantity"), message)
        .with("sku", &part.sku)
        .with("open", open)
}
