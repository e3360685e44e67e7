//! What SetPrice and BulkSetPrices do in their transaction.

use crate::domain::draft::{PriceDraft, PriceKey};
use crate::domain::item::Target;
use crate::domain::price::Price;
use crate::store::items;
use crate::store::prices::{self, SameKey};
use convert::Fields;
use fault::{Common, Fault};
use kernel::head::{Change, expect_version};
use kernel::id::Id;
use pg::{Tx, entity};
use pricing_api::v1::Reason;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A price to set.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What it shall be.
    pub draft: PriceDraft,
    /// What it is for.
    pub target: Target,
    /// Version that the caller has seen, if it matters.
    pub expected: Option<i64>,
    /// Where it stands in the request.
    pub path: String,
}

/// The outcome of a price that was to be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It did not exist.
    Created,
    /// It was changed, or set again after its deletion.
    Updated,
    /// It was like that already.
    Unchanged,
}

/// Sets prices that all have different keys; answers in their order. Their items are locked first, then those that exist in the
/// order of their ids, then new ones are inserted in the order of their keys. Where an insert finds that another call was faster, the
/// transaction is repeated: a lock taken after an insert could make a deadlock.
pub async fn upsert_prices(tx: &mut Tx, wanted: &[Wanted]) -> Result<Vec<(Outcome, Price)>, Fault> {
    hold_items(tx, wanted).await?;
    let there = prices::lock(tx, &[], &keys(wanted)).await?;
    upsert_locked(tx, wanted, there).await
}

/// The keys of prices to set.
pub fn keys(wanted: &[Wanted]) -> Vec<&PriceKey> {
    wanted.iter().map(|wanted| &wanted.draft.key).collect()
}

/// Locks the items against their deletion. One that was deleted since the catalogue answered is refused.
pub async fn hold_items(tx: &mut Tx, wanted: &[Wanted]) -> Result<(), Fault> {
    if wanted.is_empty() {
        return Ok(());
    }
    let targets = wanted.iter().map(|wanted| &wanted.target).collect();
    let deleted = items::hold(tx, &targets).await?;
    let mut fields = Fields::default();
    for own in wanted.iter().filter(|own| deleted.contains(&own.target.item)) {
        let fault = own.target.item.deleted();
        fields.within(&own.path, |fields| fields.take::<(), _>(Err(fault)));
    }
    fields.finish()
}

/// [`upsert_prices`], of items and prices that are locked. Prices with one key are all deleted but one; that one is meant, else the
/// last that was.
pub async fn upsert_locked(
    tx: &mut Tx,
    wanted: &[Wanted],
    mut there: Vec<Price>,
) -> Result<Vec<(Outcome, Price)>, Fault> {
    there.sort_by_key(|price| (!price.head.is_deleted(), price.head.updated_at));
    let there: HashMap<_, _> = there.into_iter().map(|price| (price.key.clone(), price)).collect();
    let (old, new): (Vec<&Wanted>, Vec<&Wanted>) =
        wanted.iter().partition(|wanted| there.contains_key(&wanted.draft.key));
    let mut set = create(tx, &new).await?;
    set.extend(change(tx, &old, there).await?);
    let lost = || Fault::internal("a price was neither made nor found");
    wanted.iter().map(|own| set.remove(&own.draft.key).ok_or_else(lost)).collect()
}

type Set = HashMap<PriceKey, (Outcome, Price)>;

/// Those that did not exist.
async fn create(tx: &mut Tx, wanted: &[&Wanted]) -> Result<Set, Fault> {
    if wanted.is_empty() {
        return Ok(Set::new());
    }
    let at = tx.now().await?;
    // A request with an expected version changes a price and does not create one.
    let new = wanted.iter().filter(|wanted| expect_version(0, wanted.expected).is_ok());
    let fresh: Vec<(Price, Change)> =
        new.map(|w| Price::first(Id::new(), &w.draft, &w.target, at)).collect();
    let created = prices::insert(tx, fresh).await?;
    let created: Set =
        created.into_iter().map(|price| (price.key.clone(), (Outcome::Created, price))).collect();
    let left: Vec<&Wanted> =
        wanted.iter().copied().filter(|own| !created.contains_key(&own.draft.key)).collect();
    require_room(tx, &left).await?;
    if let Some(wanted) = left.first() {
        expect_version(0, wanted.expected)?;
        return Err(Fault::new(Common::Contended, "another call got in the way; repeat it"));
    }
    Ok(created)
}

/// Those that exist, or have been deleted.
async fn change(
    tx: &mut Tx,
    wanted: &[&Wanted],
    mut there: HashMap<PriceKey, Price>,
) -> Result<Set, Fault> {
    if wanted.is_empty() {
        return Ok(Set::new());
    }
    let revived = wanted.iter().copied().filter(|own| there[&own.draft.key].head.is_deleted());
    require_room(tx, &revived.collect::<Vec<_>>()).await?;

    let at = tx.now().await?;
    let (mut done, mut changed) = (Set::new(), Vec::new());
    for wanted in wanted {
        let Some((key, mut price)) = there.remove_entry(&wanted.draft.key) else { continue };
        let change = price.set(&wanted.draft, wanted.expected, at)?;
        let outcome = if change.is_some() { Outcome::Updated } else { Outcome::Unchanged };
        changed.extend(change.map(|change| (price.clone(), change)));
        done.insert(key, (outcome, price));
    }
    let changed: Vec<_> = changed.iter().map(|(price, change)| (price, change)).collect();
    entity::save_all(tx, &changed).await?;
    Ok(done)
}

/// Names the rows whose windows overlap another price: of those that could not be inserted, and of
/// those that come back to life. The constraint would refuse these too, but without saying which.
async fn require_room(tx: &mut Tx, coming: &[&Wanted]) -> Result<(), Fault> {
    let is_new = |wanted: &&&Wanted| expect_version(0, wanted.expected).is_ok();
    let coming: Vec<&Wanted> = coming.iter().filter(is_new).copied().collect();
    let mut fields = Fields::default();
    for (place, fault) in overlapping(tx, &coming).await? {
        fields.within(&coming[place].path, |fields| fields.take::<(), _>(Err(fault)));
    }
    fields.finish()
}

/// Which of these overlap another price, by their place.
pub async fn overlapping(tx: &mut Tx, wanted: &[&Wanted]) -> Result<BTreeMap<usize, Fault>, Fault> {
    let keys: Vec<&PriceKey> = wanted.iter().map(|wanted| &wanted.draft.key).collect();
    let mut overlaps = BTreeMap::new();
    let none = &HashSet::new();
    for (place, other) in prices::overlapping(tx, &keys, SameKey::IsMeant, none).await? {
        overlaps.entry(place).or_insert_with(|| in_the_way(other));
    }
    Ok(overlaps)
}

/// The refusal of a price whose window overlaps that of another.
pub fn in_the_way(other: Id<Price>) -> Fault {
    let message = format!(
        "price {other} holds during a part of the window; change or delete that one, or choose \
         another window"
    );
    Fault::field(Reason::OverlappingPrice, "", message).with("price_id", other)
}
