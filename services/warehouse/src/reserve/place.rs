//! Places wishes in one transaction: locks the levels of all of them at once, then decides one after the other.

use crate::App;
use crate::domain::allocation::{Context, Need, Offer, Pick, Place, allocate};
use crate::domain::item::deleted;
use crate::domain::ledger::Ledger;
use crate::domain::level::Level;
use crate::domain::reservation::{Reservation, State};
use crate::domain::rules::Rules;
use crate::domain::warehouse::Warehouse;
use crate::locations::Known;
use crate::save;
use crate::store::levels::{Locked, Wanted};
use crate::store::{levels, reservations};
use crate::waiting::Wish;
use crate::wire;
use chrono::TimeDelta;
use fault::Fault;
use kernel::id::Id;
use kernel::sku::Sku;
use pg::{Tx, replay};
use std::collections::{BTreeMap, HashMap};
use warehouse_api::v1::ReserveResponse;

/// A level, and the warehouse that it is in.
type Shelf = (Id<Warehouse>, Id<Level>);

/// What decides about wishes: levels, and what is known of their SKUs and warehouses.
pub struct Plan {
    warehouses: Known,
    /// Levels by SKU.
    levels: HashMap<Sku, Vec<Shelf>>,
    /// Rules by SKU, and whether the catalogue deleted it.
    skus: HashMap<Sku, (Rules, bool)>,
}

/// Places wishes. Each is held as a whole or refused; what it is refused for does not touch the others.
pub(super) async fn place(
    app: &App,
    tx: &mut Tx,
    wishes: &[&Wish],
) -> Result<Vec<Result<ReserveResponse, Fault>>, Fault> {
    let wanted = Wanted::of(wishes.iter().flat_map(|wish| &wish.needs));
    let locked = levels::lock_wanted(tx, &wanted).await?;
    let (plan, own) = Plan::of(app, tx, locked).await?;
    let mut ledger = levels::sweep(tx, own).await?;
    let keys: Vec<&replay::Key> = wishes.iter().filter_map(|wish| wish.key.as_ref()).collect();
    let mut stored = replay::find_all::<ReserveResponse>(tx, &keys).await?.into_iter();

    let mut answers: Vec<Result<ReserveResponse, Fault>> = Vec::with_capacity(wishes.len());
    let (mut made, mut new_answers) = (Vec::new(), Vec::new());
    for (index, wish) in wishes.iter().enumerate() {
        let known = wish.key.as_ref().and_then(|_| stored.next().flatten());
        let answer = match known.or_else(|| repeated(wish, &wishes[..index], &answers)) {
            Some(answer) => answer,
            None => match plan.hold(wish, &mut ledger, app) {
                Ok(reservation) => {
                    let message = wire::reservation::message(&reservation, ledger.at());
                    made.push(reservation);
                    new_answers.extend(wish.key.as_ref().map(|key| (key, index)));
                    Ok(ReserveResponse { reservation: Some(message) })
                }
                Err(fault) => Err(fault),
            },
        };
        answers.push(answer);
    }

    save::ledger(tx, ledger).await?;
    if !made.is_empty() {
        reservations::insert(tx, &made).await?;
        tx.notify_after_commit(app.held.clone());
    }
    let new_answers: Vec<(&replay::Key, &ReserveResponse)> = new_answers
        .into_iter()
        .filter_map(|(key, index)| Some((key, answers[index].as_ref().ok()?)))
        .collect();
    replay::store_all(tx, &new_answers).await?;
    Ok(answers)
}

/// The answer to an earlier wish of the same transaction that this one repeats. One that was refused stored nothing, so it is not repeated.
fn repeated(
    wish: &Wish,
    earlier: &[&Wish],
    answers: &[Result<ReserveResponse, Fault>],
) -> Option<Result<ReserveResponse, Fault>> {
    let own = wish.key.as_ref()?;
    earlier.iter().zip(answers).find_map(|(other, answer)| {
        let same = own.repeats(other.key.as_ref()?)?;
        let answer = answer.as_ref().ok()?.clone();
        Some(same.map(|()| answer))
    })
}

/// What would be picked now, without a lock.
pub async fn plan_now(
    app: &App,
    tx: &mut Tx,
    needs: &[Need],
    context: &Context,
) -> Result<Vec<Pick>, Fault> {
    let found = levels::find_wanted(tx, &Wanted::of(needs)).await?;
    let (plan, own) = Plan::of(app, tx, found).await?;
    let ledger = Ledger::new(own, "", tx.now().await?);
    plan.picks(needs, context, &ledger)
}

impl Wanted {
    /// The levels that needs may be served from.
    pub fn of<'n>(needs: impl IntoIterator<Item = &'n Need>) -> Self {
        let mut wanted = Self::default();
        for need in needs {
            wanted.skus.push(need.sku.clone());
            match need.warehouse_id {
                Some(id) => wanted.warehouse_ids.push(id),
                None => wanted.anywhere.push(need.sku.clone()),
            }
        }
        wanted.skus.sort();
        wanted.skus.dedup();
        wanted
    }
}

impl Plan {
    /// What is known of locked levels, and the levels themselves.
    pub async fn of(
        app: &App,
        tx: &mut Tx,
        locked: Vec<Locked>,
    ) -> Result<(Self, Vec<Level>), Fault> {
        let versions: BTreeMap<Id<Warehouse>, i64> =
            locked.iter().map(|own| (own.level.warehouse_id, own.warehouse_version)).collect();
        let warehouses = app.locations.at_versions(tx, &versions).await?;
        let (mut by_sku, mut skus) = (HashMap::<_, Vec<_>>::new(), HashMap::new());
        for own in &locked {
            let level = &own.level;
            by_sku.entry(level.sku.clone()).or_default().push((level.warehouse_id, level.head.id));
            skus.insert(level.sku.clone(), (own.rules, own.is_deleted));
        }
        let levels = locked.into_iter().map(|own| own.level).collect();
        Ok((Self { warehouses, levels: by_sku, skus }, levels))
    }

    /// Holds a wish, all of it or nothing.
    fn hold(&self, wish: &Wish, ledger: &mut Ledger, app: &App) -> Result<Reservation, Fault> {
        let picks = self.picks(&wish.needs, &wish.context, ledger)?;
        let id = Id::new();
        let at = ledger.at();
        let mut own = Reservation {
            id,
            owner_id: wish.owner_id.clone(),
            order_id: None,
            state: State::Active,
            expires_at: at + self.hold_time(wish, app),
            payment_in_flight: false,
            version: 1,
            created_at: at,
            updated_at: at,
            lines: Vec::with_capacity(picks.len()),
        };
        own.hold_more(&picks, &wish.actor, ledger)?;
        Ok(own)
    }

    /// Which levels serve the needs.
    pub fn picks(
        &self,
        needs: &[Need],
        context: &Context,
        ledger: &Ledger,
    ) -> Result<Vec<Pick>, Fault> {
        self.require_rules(needs)?;
        self.allocated(needs, context, ledger)
    }

    /// The same, where the rules of the SKUs are not about these needs alone.
    pub fn allocated(
        &self,
        needs: &[Need],
        context: &Context,
        ledger: &Ledger,
    ) -> Result<Vec<Pick>, Fault> {
        let places: Vec<Place<'_>> =
            self.warehouses.values().map(|own| self.place(own, needs, ledger)).collect();
        allocate(needs, &places, context)
    }

    /// Refuses quantities that may not be bought at once, and what the catalogue has deleted.
    pub fn require_rules(&self, needs: &[Need]) -> Result<(), Fault> {
        for (index, need) in needs.iter().enumerate() {
            let is_first = needs[..index].iter().all(|other| other.sku != need.sku);
            let Some((rules, is_deleted)) = self.skus.get(&need.sku).filter(|_| is_first) else {
                continue;
            };
            if *is_deleted {
                return Err(deleted(&need.sku, &format!("{}.sku", need.path)));
            }
            let of_sku = needs.iter().filter(|other| other.sku == need.sku);
            let quantity = of_sku.map(|other| other.quantity).sum();
            rules.require(&need.sku, quantity, &format!("{}.quantity", need.path))?;
        }
        Ok(())
    }

    fn place<'w>(&self, warehouse: &'w Warehouse, needs: &[Need], ledger: &Ledger) -> Place<'w> {
        let offer = |need: &Need| {
            let own = self.levels.get(&need.sku)?;
            let (_, id) = own.iter().find(|(at, _)| *at == warehouse.head.id)?;
            let level = ledger.level(*id).ok()?;
            let (available, sellable) = (level.available(), level.sellable());
            // What an inactive warehouse has is for nobody.
            warehouse.values.ships.then_some(Offer { stock_id: *id, available, sellable })
        };
        Place { warehouse, offers: needs.iter().map(offer).collect() }
    }

    fn hold_time(&self, wish: &Wish, app: &App) -> TimeDelta {
        let of_skus = || {
            let rules = wish.needs.iter().filter_map(|need| self.skus.get(&need.sku));
            let own = rules.map(|(rules, _)| i64::from(rules.hold_seconds));
            own.filter(|seconds| *seconds > 0).min()
        };
        let seconds = wish.hold_seconds.or_else(of_skus);
        let seconds = seconds.unwrap_or_else(|| i64::from(app.settings.hold_seconds));
        TimeDelta::seconds(seconds.min(i64::from(app.settings.max_hold_seconds)))
    }
}
