//! Which warehouse ships what (IN-06). `PlanAllocation` and `Reserve` both decide by [`allocate`].
//!
//! Warehouses are ranked by the rules in their order; what one rule leaves equal the next decides. MIN_SPLITS ranks no warehouses but
//! sets of them: among warehouses that the rules before it leave equal, the fewest that can serve everything are taken, and of sets of
//! one size the one that the rules after it rank first.

mod choose;
mod context;
mod rank;

pub use context::{Context, Rule};

use super::level::Level;
use super::warehouse::Warehouse;
use choose::fill;
use convert::Fields;
use fault::Fault;
use kernel::id::Id;
use kernel::sku::Sku;
use rank::ranked;
use std::collections::BTreeSet;
use warehouse_api::v1::Reason;

/// Units of a SKU that are wanted, of one warehouse or of any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// SKU.
    pub sku: Sku,
    /// The warehouse that is to ship them.
    pub warehouse_id: Option<Id<Warehouse>>,
    /// Units.
    pub quantity: i64,
    /// Path of the first line that wants it.
    pub path: String,
}

/// What a level offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// The level.
    pub stock_id: Id<Level>,
    /// Units that can be shipped now.
    pub available: i64,
    /// Units that can be bought, there or not.
    pub sellable: i64,
}

/// A warehouse with what it offers of each need, by the place of the need.
#[derive(Debug, Clone)]
pub struct Place<'w> {
    /// The warehouse.
    pub warehouse: &'w Warehouse,
    /// Its offers; none where it has no level of the SKU.
    pub offers: Vec<Option<Offer>>,
}

/// Units that one level ships.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pick {
    /// The level.
    pub stock_id: Id<Level>,
    /// The warehouse.
    pub warehouse_id: Id<Warehouse>,
    /// Place of the need.
    pub need: usize,
    /// Units.
    pub quantity: i64,
    /// Units of them that are not there yet.
    pub backordered: i64,
}

const DEFAULT_RULES: [Rule; 2] = [Rule::MinSplits, Rule::SameCountry];

/// Adds up needs of the same SKU and warehouse.
pub fn summed(needs: impl IntoIterator<Item = Need>) -> Vec<Need> {
    let mut sums: Vec<Need> = Vec::new();
    for need in needs {
        let same = |own: &&mut Need| (&own.sku, own.warehouse_id) == (&need.sku, need.warehouse_id);
        match sums.iter_mut().find(same) {
            Some(sum) => sum.quantity += need.quantity,
            None => sums.push(need),
        }
    }
    sums
}

/// The units that each warehouse ships. Needs that name a warehouse are served first; the others from warehouses that serve the
/// destination, and from stock that is there where that is enough, else from backorders too.
pub fn allocate(
    needs: &[Need],
    places: &[Place<'_>],
    context: &Context,
) -> Result<Vec<Pick>, Fault> {
    let mut capacities = Capacities::of(places);
    let mut picks = capacities.take_named(needs, places)?;
    let free: Vec<usize> =
        (0..needs.len()).filter(|need| needs[*need].warehouse_id.is_none()).collect();
    if !free.is_empty() {
        picks.extend(capacities.take_free(needs, &free, places, context)?);
    }
    let used: BTreeSet<Id<Warehouse>> = picks.iter().map(|pick| pick.warehouse_id).collect();
    if context.max_shipments.is_some_and(|most| used.len() > most) {
        return Err(unsplit(used.len(), context));
    }
    Ok(picks)
}

/// What is left of the offers, by place and need.
struct Capacities {
    left: Vec<Vec<Option<Offer>>>,
}

impl Capacities {
    fn of(places: &[Place<'_>]) -> Self {
        Self { left: places.iter().map(|place| place.offers.clone()).collect() }
    }

    fn take_named(&mut self, needs: &[Need], places: &[Place<'_>]) -> Result<Vec<Pick>, Fault> {
        let mut picks = Vec::new();
        let mut short = Vec::new();
        for (index, need) in needs.iter().enumerate() {
            let Some(wanted) = need.warehouse_id else { continue };
            let found = places.iter().position(|place| place.warehouse.head.id == wanted);
            let offer = found.and_then(|place| self.left[place][index]);
            match (found, offer) {
                (Some(place), Some(offer)) if offer.sellable >= need.quantity => {
                    picks.push(self.take(place, index, needs, places, need.quantity));
                }
                _ => short.push((index, offer.map_or(0, |offer| offer.sellable))),
            }
        }
        if short.is_empty() { Ok(picks) } else { Err(insufficient(needs, &short)) }
    }

    fn take_free(
        &mut self,
        needs: &[Need],
        free: &[usize],
        places: &[Place<'_>],
        context: &Context,
    ) -> Result<Vec<Pick>, Fault> {
        let serving: Vec<usize> = (0..places.len())
            .filter(|place| places[*place].warehouse.serves(&context.to))
            .collect();
        let sum = |need: usize, of: fn(&Offer) -> i64| -> i64 {
            serving.iter().filter_map(|place| self.left[*place][need].as_ref()).map(of).sum()
        };
        let short: Vec<(usize, i64)> = free
            .iter()
            .map(|need| (*need, sum(*need, |offer| offer.sellable)))
            .filter(|(need, sellable)| *sellable < needs[*need].quantity)
            .collect();
        if !short.is_empty() {
            return Err(insufficient(needs, &short));
        }
        let is_there: Vec<bool> = free
            .iter()
            .map(|need| sum(*need, |offer| offer.available) >= needs[*need].quantity)
            .collect();
        let table: Vec<Vec<i64>> = serving
            .iter()
            .map(|place| {
                let units = |(need, there): (&usize, &bool)| match self.left[*place][*need] {
                    Some(offer) if *there => offer.available,
                    Some(offer) => offer.sellable,
                    None => 0,
                };
                free.iter().zip(&is_there).map(units).collect()
            })
            .collect();
        let wanted: Vec<i64> = free.iter().map(|need| needs[*need].quantity).collect();
        let warehouses: Vec<&Warehouse> =
            serving.iter().map(|place| places[*place].warehouse).collect();
        let taken = distribute(&wanted, &table, &warehouses, context);
        let mut picks = Vec::new();
        for (place, units) in serving.iter().zip(taken) {
            for (need, quantity) in free.iter().zip(units).filter(|(_, units)| *units > 0) {
                picks.push(self.take(*place, *need, needs, places, quantity));
            }
        }
        Ok(picks)
    }

    /// Takes units of a level, and of every other need that the same level serves.
    fn take(
        &mut self,
        place: usize,
        need: usize,
        needs: &[Need],
        places: &[Place<'_>],
        quantity: i64,
    ) -> Pick {
        let offer = self.left[place][need];
        let available = offer.map_or(0, |offer| offer.available);
        for (other, own) in self.left[place].iter_mut().enumerate() {
            if let Some(own) = own.as_mut().filter(|_| needs[other].sku == needs[need].sku) {
                own.available = (own.available - quantity).max(0);
                own.sellable = (own.sellable - quantity).max(0);
            }
        }
        Pick {
            stock_id: offer
                .map_or_else(|| Id::from_uuid(Default::default()), |offer| offer.stock_id),
            warehouse_id: places[place].warehouse.head.id,
            need,
            quantity,
            backordered: (quantity - available).max(0),
        }
    }
}

/// Units by warehouse and need. Where the rules would take more warehouses than may ship, the fewest are tried.
fn distribute(
    wanted: &[i64],
    table: &[Vec<i64>],
    warehouses: &[&Warehouse],
    context: &Context,
) -> Vec<Vec<i64>> {
    let rules = if context.rules.is_empty() { &DEFAULT_RULES[..] } else { &context.rules };
    let classes = ranked(wanted, table, warehouses, rules, context);
    let taken = fill(wanted, table, &classes);
    let shipments = taken.iter().filter(|units| units.iter().any(|units| *units > 0)).count();
    if context.max_shipments.is_none_or(|most| shipments <= most) {
        return taken;
    }
    let mut fewest = vec![Rule::MinSplits];
    fewest.extend(rules.iter().copied().filter(|rule| *rule != Rule::MinSplits));
    fill(wanted, table, &ranked(wanted, table, warehouses, &fewest, context))
}

fn insufficient(needs: &[Need], short: &[(usize, i64)]) -> Fault {
    let mut fields = Fields::default();
    for (need, available) in short {
        let need = &needs[*need];
        let message = format!("{available} of {} are available, not {}", need.sku, need.quantity);
        let path = format!("{}.quantity", need.path);
        let fault = Fault::field(Reason::InsufficientStock, path, message)
            .with("sku", &need.sku)
            .with("available", available)
            .with("requested", need.quantity);
        fields.take::<(), _>(Err(fault));
    }
    fields.finish().err().unwrap_or_else(|| Fault::internal("nothing was short"))
}

fn unsplit(shipments: usize, context: &Context) -> Fault {
    let most = context.max_shipments.unwrap_or_default();
    let message = format!("it takes {shipments} warehouses, and at most {most} may ship");
    Fault::new(Reason::CannotAllocateUnsplit, message)
        .with("shipments", shipments)
        .with("max_shipments", most)
}

#[cfg(test)]
mod tests;
