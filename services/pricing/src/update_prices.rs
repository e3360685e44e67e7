//! What UpdatePrice and BulkSetPrices do with the prices that are named by their ids.

use crate::domain::draft::PriceKey;
use crate::domain::price::{Price, not_found};
use crate::domain::rows::clashes;
use crate::domain::update::PriceUpdate;
use crate::store::prices::{self, SameKey};
use crate::upsert_prices::{Outcome, in_the_way};
use fault::Fault;
use kernel::head::Change;
use kernel::id::Id;
use pg::{Tx, entity};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What became of updates, by their place.
#[derive(Debug, Default)]
pub struct Updated {
    /// Those that were done.
    pub done: BTreeMap<usize, (Outcome, Price)>,
    /// Those that were refused, of which nothing was written. Their fields are named from the update.
    pub refused: BTreeMap<usize, Fault>,
}

/// Changes prices, all at once: where two exchange their windows, neither is in the way of the other. `locked` holds them, locked.
pub async fn update_prices(
    tx: &mut Tx,
    updates: &BTreeMap<usize, PriceUpdate>,
    locked: &[Price],
) -> Result<Updated, Fault> {
    let mut all = Updated::default();
    if updates.is_empty() {
        return Ok(all);
    }
    let locked: HashMap<Id<Price>, &Price> =
        locked.iter().map(|price| (price.head.id, price)).collect();
    let (at, mut changes) = (tx.now().await?, BTreeMap::new());
    for (place, update) in updates {
        let changed = locked.get(&update.id).ok_or_else(not_found).and_then(|price| {
            let mut price = (*price).clone();
            let change = price.update(update, at)?;
            Ok((price, change))
        });
        match changed {
            Ok((price, None)) => _ = all.done.insert(*place, (Outcome::Unchanged, price)),
            Ok((price, Some(change))) => _ = changes.insert(*place, (price, change)),
            Err(fault) => _ = all.refused.insert(*place, fault),
        }
    }
    for (place, fault) in in_each_others_way(tx, &changes).await? {
        changes.remove(&place);
        all.refused.insert(place, fault);
    }
    save(tx, &changes).await?;
    let done = changes.into_iter().map(|(place, (price, _))| (place, (Outcome::Updated, price)));
    all.done.extend(done);
    Ok(all)
}

type Changes = BTreeMap<usize, (Price, Change)>;

/// Those whose new window overlaps that of another price, as all of them will be.
async fn in_each_others_way(
    tx: &mut Tx,
    changes: &Changes,
) -> Result<BTreeMap<usize, Fault>, Fault> {
    let moved: Vec<(usize, &Price)> = changes
        .iter()
        .filter(|(_, (_, change))| is_move(change))
        .map(|(place, (price, _))| (*place, price))
        .collect();
    let mut refused: BTreeMap<usize, Fault> =
        clashes(moved.iter().map(|(place, price)| (*place, &price.key)), "updates")
            .into_iter()
            .collect();
    let keys: Vec<&PriceKey> = moved.iter().map(|(_, price)| &price.key).collect();
    let ids: HashSet<Id<Price>> = moved.iter().map(|(_, price)| price.head.id).collect();
    for (at, other) in prices::overlapping(tx, &keys, SameKey::Overlaps, &ids).await? {
        if let Some((place, _)) = moved.get(at) {
            refused.entry(*place).or_insert_with(|| in_the_way(other));
        }
    }
    Ok(refused)
}

async fn save(tx: &mut Tx, changes: &Changes) -> Result<(), Fault> {
    let changes: Vec<(&Price, &Change)> =
        changes.values().map(|(price, change)| (price, change)).collect();
    let moved = changes.iter().filter(|(_, change)| is_move(change));
    let moved: Vec<Id<Price>> = moved.map(|(price, _)| price.head.id).collect();
    if moved.len() > 1 {
        prices::park(tx, &moved).await?;
    }
    entity::save_all(tx, &changes).await
}

fn is_move(change: &Change) -> bool {
    change.touches("from") || change.touches("until")
}
