//! What UpdateStock and BatchUpdateStock do.

use crate::App;
use crate::catalog;
use crate::domain::item::{Item, deleted, unknown};
use crate::domain::ledger::Movement;
use crate::domain::level::Level;
use crate::domain::stock_update::{Change, StockUpdate};
use crate::save;
use crate::stock::Room;
use crate::store::movements::Named;
use crate::store::{incoming, movements, warehouses};
use crate::wire;
use crate::wire::stock_update::Codes;
use fault::Fault;
use kernel::sku::Sku;
use pg::Tx;
use std::collections::{BTreeMap, HashMap};
use warehouse_api::v1::{self as proto, Reason};

/// What became of an update.
#[derive(Debug, Clone)]
pub struct Updated {
    /// The level afterwards.
    pub level: Level,
    /// The movement that was recorded, now or under the same key before; none where nothing changed.
    pub movement: Option<Movement>,
    /// Whether it changed the level.
    pub is_changed: bool,
}

/// The warehouses that updates name by their codes.
pub async fn codes<'u>(
    app: &App,
    sent: impl IntoIterator<Item = &'u proto::StockUpdate>,
) -> Result<Codes, Fault> {
    let codes = &wire::stock_update::codes(sent);
    if codes.is_empty() {
        return Ok(Codes::new());
    }
    let find = async |tx: &mut Tx| warehouses::with_codes(tx, codes).await;
    app.db.read("warehouse.find_codes", find).await
}

/// The items of updates. What the catalogue has deleted can still be corrected, shipped and taken back, but nothing new comes.
pub async fn items(app: &App, updates: &[&StockUpdate]) -> Result<BTreeMap<Sku, Item>, Fault> {
    let mut skus: Vec<Sku> = updates.iter().map(|update| update.sku.clone()).collect();
    skus.sort();
    skus.dedup();
    catalog::known(app, &skus).await
}

/// The item of an update, or the refusal for it.
pub fn require<'i>(
    items: &'i BTreeMap<Sku, Item>,
    update: &StockUpdate,
) -> Result<&'i Item, Fault> {
    match items.get(&update.sku) {
        Some(item) if item.is_deleted && matches!(update.change, Change::Receive(_)) => {
            Err(deleted(&update.sku, "sku"))
        }
        Some(item) => Ok(item),
        None => Err(unknown(&update.sku, "sku")),
    }
}

/// Does updates of different levels; each is answered, and those that are refused change nothing. Unless `only_checked`, what the others
/// booked is written.
pub async fn update_all(
    app: &App,
    tx: &mut Tx,
    updates: &[(&StockUpdate, &Item)],
    only_checked: impl FnOnce(&[Result<Updated, Fault>]) -> bool,
) -> Result<Vec<Result<Updated, Fault>>, Fault> {
    let pairs: Vec<_> = updates.iter().map(|(own, item)| (*item, own.warehouse_id)).collect();
    let mut room = Room::open(app, tx, &pairs).await?;
    let keys: Vec<&str> = updates.iter().filter_map(|(own, _)| own.key.as_deref()).collect();
    let recorded = movements::with_keys(tx, &keys).await?;
    let mut recorded: HashMap<String, Named> = recorded
        .into_iter()
        .filter_map(|own| Some((own.movement.cause.movement_key.clone()?, own)))
        .collect();
    let mut answers: Vec<Result<Updated, Fault>> =
        updates.iter().map(|(update, _)| update_one(&mut room, update, &mut recorded)).collect();
    if only_checked(&answers) {
        return Ok(answers);
    }
    for ((update, _), answer) in updates.iter().zip(&answers) {
        if let (Ok(done), Change::Receive(units), Some(reference)) =
            (answer, update.change, &update.incoming)
            && done.is_changed
        {
            incoming::came(tx, done.level.head.id, reference, units).await?;
        }
    }
    let (booked, _) = save::ledger(tx, room.ledger).await?;
    let after: HashMap<_, _> =
        booked.into_iter().map(|own| (own.level.head.id, own.level)).collect();
    for done in answers.iter_mut().flatten() {
        if let Some(level) = after.get(&done.level.head.id) {
            done.level = level.clone();
        }
    }
    Ok(answers)
}

fn update_one(
    room: &mut Room,
    update: &StockUpdate,
    recorded: &mut HashMap<String, Named>,
) -> Result<Updated, Fault> {
    let level = room.level(&update.sku, update.warehouse_id, "warehouse_id")?.clone();
    if let Some(old) = update.key.as_ref().and_then(|key| recorded.get(key)) {
        return require_same(old, update).map(|movement| Updated {
            level,
            movement: Some(movement),
            is_changed: false,
        });
    }
    level.expect(update.expected)?;
    let stock_id = level.head.id;
    let movement = match update.movement(&level) {
        Some((kind, delta)) => {
            Some(room.ledger.book(stock_id, kind, delta, update.cause())?.clone())
        }
        None => {
            if level.head.version == 0 {
                room.ledger.touch(stock_id);
            }
            None
        }
    };
    if let (Some(key), Some(movement)) = (&update.key, &movement) {
        let (sku, warehouse_id) = (update.sku.clone(), update.warehouse_id);
        recorded.insert(key.clone(), Named { movement: movement.clone(), sku, warehouse_id });
    }
    room.ledger.set(stock_id, update.settings(&level), level.threshold)?;
    let after = room.ledger.level(stock_id)?.clone();
    let is_changed =
        movement.is_some() || after.settings != level.settings || level.head.version == 0;
    Ok(Updated { level: after, movement, is_changed })
}

/// The movement that was recorded under the update's key, if it was the same movement.
fn require_same(old: &Named, update: &StockUpdate) -> Result<Movement, Fault> {
    let quantity = old.movement.delta.on_hand;
    let is_same = old.sku == update.sku
        && old.warehouse_id == update.warehouse_id
        && match update.change {
            Change::Set(units) | Change::Count(units) => old.movement.after.on_hand == units,
            Change::Adjust(units) | Change::Receive(units) | Change::Return(units) => {
                quantity == units
            }
        };
    if is_same {
        return Ok(old.movement.clone());
    }
    let (kind, sku) = (old.movement.kind.name().to_uppercase(), &old.sku);
    let message = format!("stands for another movement already: {kind} of {quantity} of {sku}");
    Err(Fault::field(Reason::MovementKeyReused, "movement_key", message)
        .with("movement_id", old.movement.id))
}
