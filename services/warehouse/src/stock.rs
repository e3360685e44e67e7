//! What changes of stock that name SKU and warehouse begin with.

use crate::App;
use crate::domain::item::Item;
use crate::domain::ledger::Ledger;
use crate::domain::level::Level;
use crate::domain::warehouse::Warehouse;
use crate::save;
use crate::store::{levels, thresholds};
use fault::Fault;
use kernel::id::Id;
use kernel::sku::Sku;
use pg::{Tx, entity};
use std::collections::{BTreeMap, BTreeSet};

/// The level of a SKU in a warehouse.
pub type Pair = (Sku, Id<Warehouse>);

/// Locked levels, with new ones where there were none.
pub struct Room {
    /// The ledger of the levels.
    pub ledger: Ledger,
    ids: BTreeMap<Pair, Id<Level>>,
    warehouses: BTreeSet<Id<Warehouse>>,
}

impl Room {
    /// Locks the warehouses against their deletion, then the levels in the order of their ids. A pair whose level does not exist gets an
    /// empty one, which is stored only if something is booked on it.
    pub async fn open(
        app: &App,
        tx: &mut Tx,
        pairs: &[(&Item, Id<Warehouse>)],
    ) -> Result<Self, Fault> {
        let wanted: BTreeSet<Id<Warehouse>> = pairs.iter().map(|(_, id)| *id).collect();
        let warehouses = entity::lock_reference(tx, &Vec::from_iter(wanted)).await?;
        let named: Vec<Pair> = pairs.iter().map(|(item, id)| (item.sku.clone(), *id)).collect();
        let locked = levels::lock_pairs(tx, &named).await?;
        let mut ids: BTreeMap<Pair, Id<Level>> = locked
            .iter()
            .map(|level| ((level.sku.clone(), level.warehouse_id), level.head.id))
            .collect();
        let mut ledger = levels::sweep(tx, locked).await?;
        let missing: Vec<&(&Item, Id<Warehouse>)> =
            pairs.iter().filter(|(item, id)| !ids.contains_key(&(item.sku.clone(), *id))).collect();
        if !missing.is_empty() {
            let skus: Vec<Sku> = missing.iter().map(|(item, _)| item.sku.clone()).collect();
            let thresholds = thresholds::find(tx, &skus).await?;
            for (item, id) in missing {
                let threshold = thresholds.of(&item.sku, *id, app.settings.low_stock_threshold);
                let level = Level::empty(item, *id, threshold, ledger.at());
                ids.insert((item.sku.clone(), *id), ledger.add(level));
            }
        }
        Ok(Self { ledger, ids, warehouses })
    }

    /// The level of a pair. Refused at a field where its warehouse does not exist.
    pub fn level(&self, sku: &Sku, id: Id<Warehouse>, path: &str) -> Result<&Level, Fault> {
        if !self.warehouses.contains(&id) {
            return Err(Warehouse::not_found(id, path));
        }
        let found = self.ids.get(&(sku.clone(), id));
        self.ledger.level(*found.ok_or_else(|| Level::not_found(sku))?)
    }

    /// Writes what was booked; returns the level of a pair afterwards.
    pub async fn close(self, tx: &mut Tx, stock_id: Id<Level>) -> Result<Level, Fault> {
        let before = self.ledger.level(stock_id)?.clone();
        let (booked, _) = save::ledger(tx, self.ledger).await?;
        let after = booked.into_iter().map(|own| own.level).find(|own| own.head.id == stock_id);
        Ok(after.unwrap_or(before))
    }
}
