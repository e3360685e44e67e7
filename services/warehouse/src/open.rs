//! Reservations with their levels, all locked: what every change of reservations begins and ends with. Levels are locked in the order of
//! their ids, then reservations in that of theirs, then the state is read; undoing takes the same locks as doing.

use crate::domain::ledger::{Ledger, Movement};
use crate::domain::reservation::{Happened, Reservation};
use crate::save;
use crate::store::{levels, reservations};
use fault::Fault;
use kernel::id::Id;
use pg::Tx;

/// Locked reservations, and the ledger of their levels.
pub struct Open {
    /// The reservations that exist, by id.
    pub reservations: Vec<Reservation>,
    /// Their levels, on which nothing is held whose time is up.
    pub ledger: Ledger,
}

impl Open {
    /// Locks reservations.
    pub async fn all(tx: &mut Tx, ids: &[Id<Reservation>]) -> Result<Self, Fault> {
        let locked = levels::lock_of_reservations(tx, ids).await?;
        Self::with_levels(tx, ids, locked).await
    }

    /// Locks reservations after their levels, and maybe others, have been locked.
    pub async fn with_levels(
        tx: &mut Tx,
        ids: &[Id<Reservation>],
        locked: Vec<crate::domain::level::Level>,
    ) -> Result<Self, Fault> {
        reservations::lock(tx, ids).await?;
        let ledger = levels::sweep(tx, locked).await?;
        Ok(Self { reservations: reservations::find(tx, ids).await?, ledger })
    }

    /// Has one decision made on each reservation, and writes what it changed.
    pub async fn decide(
        mut self,
        tx: &mut Tx,
        mut decide: impl FnMut(&mut Reservation, &mut Ledger) -> Result<Option<Happened>, Fault>,
    ) -> Result<(Vec<Reservation>, Vec<Movement>), Fault> {
        let mut changed = Vec::new();
        for (index, own) in self.reservations.iter_mut().enumerate() {
            changed.extend(decide(own, &mut self.ledger)?.map(|happened| (index, happened)));
        }
        let (_, movements) = save::ledger(tx, self.ledger).await?;
        let changed: Vec<(&Reservation, Happened)> = changed
            .into_iter()
            .map(|(index, happened)| (&self.reservations[index], happened))
            .collect();
        save::reservations(tx, &changed).await?;
        Ok((self.reservations, movements))
    }
}

/// Has a decision made on one reservation that exists, and writes what it changed.
pub async fn decide_one(
    tx: &mut Tx,
    id: Id<Reservation>,
    decide: impl FnMut(&mut Reservation, &mut Ledger) -> Result<Option<Happened>, Fault>,
) -> Result<Reservation, Fault> {
    let open = Open::all(tx, &[id]).await?;
    let (mut found, _) = open.decide(tx, decide).await?;
    found.pop().ok_or_else(|| Reservation::not_found(id))
}
