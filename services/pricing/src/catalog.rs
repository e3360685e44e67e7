//! Calls to the catalogue: which items exist, and their ids.

use crate::App;
use crate::domain::draft::PriceDraft;
use crate::domain::item::{Item, Target};
use crate::store::items;
use catalog_api::v1::{ItemState, ResolveItemsRequest, ResolvedItem};
use convert::read;
use fault::Fault;
use kernel::id::{Id, InvalidId};
use std::collections::{BTreeMap, BTreeSet};

/// The targets of the drafts, in one call. Refused with UNKNOWN_ITEM, which names every draft whose
/// item is not there now, by the path that `path` gives it.
pub async fn require(
    app: &App,
    drafts: &[PriceDraft],
    path: impl Fn(usize) -> String,
) -> Result<Vec<Target>, Fault> {
    let items: BTreeSet<&Item> = drafts.iter().map(|draft| &draft.key.item).collect();
    let live = resolve(app, items).await?;
    targets(drafts, &live, path)
}

/// The ids of the items: as stored here, else from the catalogue, and then stored. An item that does not exist is left out.
pub async fn known(app: &App, wanted: &[Item]) -> Result<BTreeMap<Item, Target>, Fault> {
    let mut known =
        app.db.read("pricing.find_items", async |tx| items::find(tx, wanted).await).await?;
    let unknown: BTreeSet<&Item> = wanted.iter().filter(|item| !known.contains_key(item)).collect();
    if !unknown.is_empty() {
        let live = resolve(app, unknown).await?;
        let learned: Vec<Target> = live.values().cloned().collect();
        let learned = &learned;
        if !learned.is_empty() {
            app.db
                .write("pricing.learn_items", async |tx| items::insert(tx, learned).await)
                .await?;
        }
        known.extend(live);
    }
    Ok(known)
}

fn targets(
    drafts: &[PriceDraft],
    live: &BTreeMap<Item, Target>,
    path: impl Fn(usize) -> String,
) -> Result<Vec<Target>, Fault> {
    read(|fields| {
        let found = drafts.iter().enumerate().map(|(row, draft)| {
            let item = &draft.key.item;
            let target = live.get(item).cloned().ok_or_else(|| item.unknown());
            fields.within(path(row), |fields| fields.take(target))
        });
        found.collect::<Vec<_>>().into_iter().collect()
    })
}

/// The items that exist. The only remote call of this service.
async fn resolve(app: &App, items: BTreeSet<&Item>) -> Result<BTreeMap<Item, Target>, Fault> {
    let (skus, products): (Vec<&Item>, Vec<&Item>) =
        items.into_iter().partition(|item| matches!(item, Item::Sku(_)));
    let names = |items: &[&Item]| items.iter().map(ToString::to_string).collect();
    let request = ResolveItemsRequest { skus: names(&skus), product_ids: names(&products) };
    let answer = app.catalog.clone().resolve_items(request).await;
    let answer = answer.map_err(|status| Fault::from(status).context("resolve items"))?;
    let entries = answer.into_inner().items;
    // The answer has one entry for each SKU, then one for each product.
    let wanted: Vec<&Item> = skus.into_iter().chain(products).collect();
    if wanted.len() != entries.len() {
        let (wanted, got) = (wanted.len(), entries.len());
        return Err(Fault::internal(format!("the catalogue answered {got} for {wanted} items")));
    }
    let live =
        wanted.into_iter().zip(entries).filter(|(_, entry)| entry.state() == ItemState::Live);
    live.map(|(item, entry)| Ok((item.clone(), target(item, &entry)?)))
        .collect::<Result<_, InvalidId>>()
        .map_err(Fault::internal)
}

fn target(item: &Item, entry: &ResolvedItem) -> Result<Target, InvalidId> {
    let variant_id = match item {
        Item::Sku(_) => Some(Id::parse(&entry.variant_id)?),
        Item::Product(_) => None,
    };
    Ok(Target { item: item.clone(), product_id: Id::parse(&entry.product_id)?, variant_id })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{draft, price};
    use pricing_api::v1::Reason;

    #[test]
    fn every_row_whose_item_is_unknown_is_named() {
        let live = BTreeMap::from([(draft("A-1", 1).key.item, price("A-1", 1).target)]);
        let drafts = [draft("A-1", 1), draft("A-2", 1), draft("A-1", 2), draft("A-3", 1)];
        let fault = targets(&drafts, &live, |row| format!("prices[{row}]")).unwrap_err();
        assert!(fault.is(Reason::UnknownItem));
        assert_eq!(fault.metadata()["item"], "A-2");
        let fields: Vec<_> = fault.violations().iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, ["prices[1].item.sku", "prices[3].item.sku"]);
        assert_eq!(targets(&drafts[..1], &live, |_| "price".into()).unwrap().len(), 1);
    }
}
