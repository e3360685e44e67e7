//! What SetPrice and BulkSetPrices do in their transaction.

use crate::domain::draft::{PriceDraft, PriceKey};
use crate::domain::item::Target;
use crate::domain::price::Price;
use crate::store::{items, prices};
use fault::{Common, Fault};
use kernel::head::{Change, expect_version};
use kernel::id::Id;
use pg::{Tx, entity};
use pricing_api::v1::Reason;
use std::collections::{BTreeSet, HashMap};

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

/// Sets prices that all have different keys; answers in their order. New ones are inserted before
/// those that are there are locked, and both in a fixed order: so concurrent
/// calls do not deadlock.
pub async fn upsert_prices(tx: &mut Tx, wanted: &[Wanted]) -> Result<Vec<(Outcome, Price)>, Fault> {
    let targets: BTreeSet<&Target> = wanted.iter().map(|wanted| &wanted.target).collect();
    let targets: Vec<Target> = targets.into_iter().cloned().collect();
    items::insert(tx, &targets).await?;
    let created = create(tx, wanted).await?;
    let rest: Vec<&Wanted> =
        wanted.iter().filter(|wanted| !created.contains_key(&wanted.draft.key)).collect();
    let changed = change(tx, &rest).await?;
    let of_key = |wanted: &Wanted| {
        let key = &wanted.draft.key;
        let created = created.get(key).map(|price| (Outcome::Created, price.clone()));
        created.or_else(|| changed.get(key).cloned())
    };
    wanted
        .iter()
        .map(|wanted| {
            of_key(wanted).ok_or_else(|| Fault::internal("a price was neither made nor found"))
        })
        .collect()
}

/// Those that did not exist.
async fn create(tx: &mut Tx, wanted: &[Wanted]) -> Result<HashMap<PriceKey, Price>, Fault> {
    let at = tx.now().await?;
    // A request with an expected version changes a price and does not create one.
    let new = wanted.iter().filter(|wanted| expect_version(0, wanted.expected).is_ok());
    let fresh: Vec<(Price, Change)> =
        new.map(|w| Price::first(Id::new(), &w.draft, &w.target, at)).collect();
    let created = prices::insert(tx, fresh).await?;
    Ok(created.into_iter().map(|price| (price.key.clone(), price)).collect())
}

/// Those that exist, or have been deleted.
async fn change(
    tx: &mut Tx,
    wanted: &[&Wanted],
) -> Result<HashMap<PriceKey, (Outcome, Price)>, Fault> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let keys: Vec<&PriceKey> = wanted.iter().map(|wanted| &wanted.draft.key).collect();
    let there = prices::lock_keys(tx, &keys).await?;
    let mut there: HashMap<PriceKey, Price> =
        there.into_iter().map(|price| (price.key.clone(), price)).collect();
    require_room(tx, wanted, &there).await?;

    let at = tx.now().await?;
    let (mut done, mut changed) = (HashMap::new(), Vec::new());
    for wanted in wanted {
        let Some((key, mut price)) = there.remove_entry(&wanted.draft.key) else {
            expect_version(0, wanted.expected)?;
            // It was in the way of the insert and is gone by now.
            return Err(Fault::new(Common::Contended, "another call got in the way; repeat it"));
        };
        let change = price.set(&wanted.draft, wanted.expected, at)?;
        let outcome = if change.is_some() { Outcome::Updated } else { Outcome::Unchanged };
        changed.extend(change.map(|change| (price.clone(), change)));
        done.insert(key, (outcome, price));
    }
    let changed: Vec<_> = changed.iter().map(|(price, change)| (price, change)).collect();
    entity::save_all(tx, &changed).await?;
    Ok(done)
}

/// Names the row whose window overlaps another price: of those that could not be inserted, and of
/// those that come back to life. The constraint would refuse these too, but without saying which.
async fn require_room(
    tx: &mut Tx,
    wanted: &[&Wanted],
    there: &HashMap<PriceKey, Price>,
) -> Result<(), Fault> {
    let is_live = |key| there.get(key).is_some_and(|price: &Price| !price.head.is_deleted());
    let coming: Vec<&&Wanted> = wanted
        .iter()
        .filter(|wanted| expect_version(0, wanted.expected).is_ok() && !is_live(&wanted.draft.key))
        .collect();
    let keys: Vec<&PriceKey> = coming.iter().map(|wanted| &wanted.draft.key).collect();
    let overlaps = prices::overlapping(tx, &keys).await?;
    let Some((wanted, other)) =
        overlaps.first().and_then(|(place, other)| Some((coming.get(*place)?, other)))
    else {
        return Ok(());
    };
    let message = format!(
        "price {other} holds during a part of the window; change or delete that one, or choose \
         another window"
    );
    let fault = Fault::field(Reason::OverlappingPrice, &wanted.path, message);
    Err(fault.with("price_id", other))
}
