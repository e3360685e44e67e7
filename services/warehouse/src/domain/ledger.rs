//! The ledger: levels change by movements, and by nothing else. A transaction books its movements on the levels that it has locked,
//! and `store/levels.rs` writes both together.

use super::level::{Level, MAX_QUANTITY, Settings};
use super::status::Status;
use chrono::{DateTime, Utc};
use fault::Fault;
use kernel::id::Id;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;
use warehouse_api::v1::Reason;

/// What a movement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Units came.
    Receive,
    /// A cart holds units.
    Reserve,
    /// A cart lets go of them, or its hold expired.
    Release,
    /// An order is promised units.
    Allocate,
    /// An order lets go of them.
    Deallocate,
    /// Units leave for the customer.
    Ship,
    /// A customer's units come back.
    Return,
    /// Somebody corrects.
    Adjust,
    /// Units leave for another warehouse.
    TransferOut,
    /// Units come from another warehouse.
    TransferIn,
    /// Somebody counted.
    Count,
    /// The balances afterwards are the sums of the movements.
    Repair,
}

/// What a movement adds to the quantities of a level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delta {
    /// To the units on hand.
    pub on_hand: i64,
    /// To the units that orders were promised.
    pub allocated: i64,
    /// To the units that carts hold.
    pub reserved: i64,
}

/// Why a movement is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cause {
    /// The reservation.
    pub reservation_id: Option<Uuid>,
    /// The order.
    pub order_id: Option<String>,
    /// The fulfillment.
    pub fulfillment_id: Option<String>,
    /// What the two movements of a transfer share.
    pub transfer_id: Option<Id<Transfer>>,
    /// Key of the caller's.
    pub movement_key: Option<String>,
    /// Why, as the caller said.
    pub note: String,
    /// Who; empty: the current caller.
    pub actor: String,
}

/// Kind of a transfer's id.
pub enum Transfer {}

/// A change of a level.
#[derive(Debug, Clone, PartialEq)]
pub struct Movement {
    /// Its id.
    pub id: Id<Movement>,
    /// The level.
    pub stock_id: Id<Level>,
    /// What it does.
    pub kind: Kind,
    /// What it adds.
    pub delta: Delta,
    /// The quantities afterwards.
    pub after: Delta,
    /// Version of the level afterwards.
    pub stock_version: i64,
    /// Why.
    pub cause: Cause,
    /// When.
    pub at: DateTime<Utc>,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Receive,
        Self::Reserve,
        Self::Release,
        Self::Allocate,
        Self::Deallocate,
        Self::Ship,
        Self::Return,
        Self::Adjust,
        Self::TransferOut,
        Self::TransferIn,
        Self::Count,
        Self::Repair,
    ];

    /// As the database keeps it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Reserve => "reserve",
            Self::Release => "release",
            Self::Allocate => "allocate",
            Self::Deallocate => "deallocate",
            Self::Ship => "ship",
            Self::Return => "return",
            Self::Adjust => "adjust",
            Self::TransferOut => "transfer_out",
            Self::TransferIn => "transfer_in",
            Self::Count => "count",
            Self::Repair => "repair",
        }
    }

    /// The reverse of [`Kind::name`].
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.name() == name)
    }
}

impl Movement {
    /// Units that it moved: of the quantity that its kind is about.
    pub fn quantity(&self) -> i64 {
        match self.kind {
            Kind::Reserve => self.delta.reserved,
            Kind::Release => -self.delta.reserved,
            Kind::Allocate => self.delta.allocated,
            Kind::Deallocate => -self.delta.allocated,
            Kind::Ship | Kind::TransferOut => -self.delta.on_hand,
            Kind::Receive | Kind::Return | Kind::Adjust | Kind::TransferIn => self.delta.on_hand,
            Kind::Count | Kind::Repair => self.delta.on_hand,
        }
    }
}

impl Delta {
    /// Units that come to a warehouse or leave it.
    pub fn on_hand(on_hand: i64) -> Self {
        Self { on_hand, ..Self::default() }
    }

    /// Units that a cart holds.
    pub fn hold(quantity: i64) -> Self {
        Self { reserved: quantity, ..Self::default() }
    }

    /// Held units that an order is promised.
    pub fn commit(quantity: i64) -> Self {
        Self { allocated: quantity, reserved: -quantity, ..Self::default() }
    }

    /// Units that an order is promised, or no longer.
    pub fn allocate(quantity: i64) -> Self {
        Self { allocated: quantity, ..Self::default() }
    }

    /// Units that leave for the customer.
    pub fn ship(quantity: i64) -> Self {
        Self { on_hand: -quantity, allocated: -quantity, ..Self::default() }
    }
}

/// The movements of one transaction on the levels that it has locked, all at one instant.
#[derive(Debug)]
pub struct Ledger {
    at: DateTime<Utc>,
    actor: String,
    levels: BTreeMap<Id<Level>, Level>,
    movements: Vec<Movement>,
    changed: BTreeSet<Id<Level>>,
}

/// A level that a transaction changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Booked {
    /// The level after the change.
    pub level: Level,
    /// Whether the transaction creates it.
    pub is_new: bool,
    /// Kinds of the movements, each once; none where only settings changed.
    pub kinds: Vec<Kind>,
    /// Whether its status became low. The event that says so takes a version of its own, the last one.
    pub became_low: bool,
}

impl Ledger {
    /// A ledger of locked or new levels. `actor`: whose movements they are.
    pub fn new(
        levels: impl IntoIterator<Item = Level>,
        actor: impl Into<String>,
        at: DateTime<Utc>,
    ) -> Self {
        Self {
            at,
            actor: actor.into(),
            levels: levels.into_iter().map(|level| (level.head.id, level)).collect(),
            movements: Vec::new(),
            changed: BTreeSet::new(),
        }
    }

    /// When its movements happen.
    pub fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// All levels, by id.
    pub fn levels(&self) -> impl Iterator<Item = &Level> {
        self.levels.values()
    }

    /// A level as the movements so far have made it.
    pub fn level(&self, id: Id<Level>) -> Result<&Level, Fault> {
        self.levels.get(&id).ok_or_else(|| not_locked(id))
    }

    /// Adds a level that is not stored yet.
    pub fn add(&mut self, level: Level) -> Id<Level> {
        let id = level.head.id;
        self.levels.insert(id, level);
        id
    }

    /// Books a movement. Whether it may be made is for the caller to decide; only what no level can have is refused: a quantity below 0
    /// or beyond all measure.
    pub fn book(
        &mut self,
        stock_id: Id<Level>,
        kind: Kind,
        delta: Delta,
        cause: Cause,
    ) -> Result<&Movement, Fault> {
        let level = self.levels.get_mut(&stock_id).ok_or_else(|| not_locked(stock_id))?;
        let after = Delta {
            on_hand: level.on_hand.saturating_add(delta.on_hand),
            allocated: level.allocated.saturating_add(delta.allocated),
            reserved: level.reserved.saturating_add(delta.reserved),
        };
        require_on_hand(level, after.on_hand)?;
        if after.allocated < 0 || after.reserved < 0 {
            let (sku, kind) = (&level.sku, kind.name());
            return Err(Fault::internal(format!("{kind} of {sku} takes more than was promised")));
        }
        let largest = after.on_hand.max(after.allocated).max(after.reserved);
        if largest > MAX_QUANTITY {
            let message = format!("would be more than {MAX_QUANTITY}");
            return Err(Fault::new(Reason::QuantityTooLarge, message).with("sku", &level.sku));
        }
        (level.on_hand, level.allocated, level.reserved) =
            (after.on_hand, after.allocated, after.reserved);
        let stock_version = level.head.version + 1;
        let actor = if cause.actor.is_empty() { self.actor.clone() } else { cause.actor };
        let cause = Cause { actor, ..cause };
        let id = Id::new();
        let at = self.at;
        self.changed.insert(stock_id);
        self.movements.push(Movement {
            id,
            stock_id,
            kind,
            delta,
            after,
            stock_version,
            cause,
            at,
        });
        self.movements.last().ok_or_else(|| not_locked(stock_id))
    }

    /// Makes a level what the sums of its movements are. The movement that says so adds nothing to them.
    pub fn repair(&mut self, stock_id: Id<Level>, truth: Delta) -> Result<(), Fault> {
        let level = self.levels.get_mut(&stock_id).ok_or_else(|| not_locked(stock_id))?;
        (level.on_hand, level.allocated, level.reserved) =
            (truth.on_hand, truth.allocated, truth.reserved);
        self.book(stock_id, Kind::Repair, Delta::default(), Cause::default()).map(drop)
    }

    /// Gives a level other settings or another threshold.
    pub fn set(
        &mut self,
        stock_id: Id<Level>,
        settings: Settings,
        threshold: i64,
    ) -> Result<(), Fault> {
        let level = self.levels.get_mut(&stock_id).ok_or_else(|| not_locked(stock_id))?;
        if level.settings != settings || level.threshold != threshold {
            (level.settings, level.threshold) = (settings, threshold);
            self.changed.insert(stock_id);
        }
        Ok(())
    }

    /// Writes levels that nothing changed too: a level that is new is a change.
    pub fn touch(&mut self, stock_id: Id<Level>) {
        self.changed.insert(stock_id);
    }

    /// The movements so far.
    pub fn movements(&self) -> &[Movement] {
        &self.movements
    }

    /// Ends it: changed levels with their next version and status, by id, and the movements.
    pub fn close(mut self) -> (Vec<Booked>, Vec<Movement>) {
        let booked = self.close_changed();
        (booked, self.movements)
    }

    fn close_changed(&mut self) -> Vec<Booked> {
        let mut kinds: BTreeMap<Id<Level>, BTreeSet<Kind>> = BTreeMap::new();
        for movement in &self.movements {
            kinds.entry(movement.stock_id).or_default().insert(movement.kind);
        }
        let mut booked = Vec::with_capacity(self.changed.len());
        for id in &self.changed {
            let Some(level) = self.levels.get_mut(id) else { continue };
            let (before, is_new) = (level.status, level.head.version == 0);
            level.status = level.next_status();
            let became_low =
                level.status == Status::LowStock && (is_new || before != Status::LowStock);
            level.head.version += if became_low { 2 } else { 1 };
            level.head.updated_at = self.at;
            let kinds = kinds.remove(id).unwrap_or_default().into_iter().collect();
            booked.push(Booked { level: level.clone(), is_new, kinds, became_low });
        }
        booked
    }
}

/// Refuses to take more from a warehouse than is there.
fn require_on_hand(level: &Level, after: i64) -> Result<(), Fault> {
    if after >= 0 {
        return Ok(());
    }
    let (sku, on_hand) = (&level.sku, level.on_hand);
    let message = format!(
        "{sku} has {on_hand} units on hand there, {} fewer than would leave; receive or count first",
        -after
    );
    Err(Fault::new(Reason::InsufficientOnHand, message)
        .with("sku", sku)
        .with("warehouse_id", level.warehouse_id)
        .with("on_hand", on_hand))
}

fn not_locked(id: Id<Level>) -> Fault {
    Fault::internal(format!("level {id} was not locked"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{level, second};

    fn ledger(level: Level) -> (Ledger, Id<Level>) {
        let id = level.head.id;
        (Ledger::new([level], "tester", second(9)), id)
    }

    #[test]
    fn movements_add_up_and_each_has_the_balances_afterwards() {
        let (mut ledger, id) = ledger(level("A", 10));
        for (kind, delta) in [
            (Kind::Reserve, Delta::hold(4)),
            (Kind::Allocate, Delta::commit(4)),
            (Kind::Ship, Delta::ship(3)),
            (Kind::Deallocate, Delta::allocate(-1)),
        ] {
            ledger.book(id, kind, delta, Cause::default()).unwrap();
        }
        let (levels, movements) = ledger.close();
        let quantities: Vec<i64> = movements.iter().map(Movement::quantity).collect();
        assert_eq!(quantities, [4, 4, 3, 1]);
        assert_eq!(movements[1].after, Delta { on_hand: 10, allocated: 4, reserved: 0 });
        assert!(movements.iter().all(|own| own.stock_version == 2 && own.cause.actor == "tester"));
        let Booked { level, kinds, .. } = &levels[0];
        assert_eq!((level.on_hand, level.allocated, level.reserved), (7, 0, 0));
        assert_eq!(kinds, &[Kind::Reserve, Kind::Allocate, Kind::Deallocate, Kind::Ship]);
    }

    #[test]
    fn more_than_is_there_does_not_leave() {
        let (mut ledger, id) = ledger(level("A", 2));
        let fault =
            ledger.book(id, Kind::Adjust, Delta::on_hand(-3), Cause::default()).unwrap_err();
        assert!(fault.is(Reason::InsufficientOnHand), "{fault}");
        assert_eq!(fault.metadata()["on_hand"], "2");
        assert!(ledger.movements().is_empty());
        let much = Delta::on_hand(MAX_QUANTITY);
        let fault = ledger.book(id, Kind::Receive, much, Cause::default()).unwrap_err();
        assert!(fault.is(Reason::QuantityTooLarge));
        let fault = ledger.book(id, Kind::Release, Delta::hold(-1), Cause::default()).unwrap_err();
        assert!(fault.is(fault::Common::Internal));
        assert!(ledger.close().0.is_empty(), "nothing changed");
    }

    #[test]
    fn becoming_low_takes_two_versions_once() {
        let (mut first, id) = ledger(level("A", 12));
        first.book(id, Kind::Adjust, Delta::on_hand(-2), Cause::default()).unwrap();
        let (levels, _) = first.close();
        assert!(levels[0].became_low);
        assert_eq!(levels[0].level.head.version, 3);
        let (mut second, id) = ledger(levels[0].level.clone());
        second.book(id, Kind::Adjust, Delta::on_hand(-1), Cause::default()).unwrap();
        let (levels, _) = second.close();
        assert!(!levels[0].became_low);
        assert_eq!(levels[0].level.head.version, 4);
    }

    #[test]
    fn settings_are_a_change_without_a_movement() {
        let own = level("A", 12);
        let (settings, threshold) = (own.settings, own.threshold);
        let (mut ledger, id) = ledger(own);
        ledger.set(id, settings, threshold).unwrap();
        assert!(ledger.changed.is_empty());
        ledger.set(id, Settings { safety_stock: 3, ..settings }, threshold).unwrap();
        let (levels, movements) = ledger.close();
        assert!(movements.is_empty());
        assert_eq!((levels[0].level.available(), levels[0].level.status), (9, Status::LowStock));
    }
}
