//! Calls to the catalogue: which items exist, and their ids.

use crate::App;
use crate::domain::item::{Item, Target};
use crate::store::items;
use catalog_api::v1::{ItemState, ResolveItemsRequest, ResolvedItem};
use fault::Fault;
use kernel::id::{Id, InvalidId};
use std::collections::{BTreeMap, BTreeSet};

/// The ids of the items: as stored here, else from the catalogue, and then stored. An item that does not exist is left out.
pub async fn known(app: &App, wanted: &[Item]) -> Result<BTreeMap<Item, Target>, Fault> {
    let mut known =
        app.db.read("pricing.find_items", async |tx| items::find(tx, wanted).await).await?;
    let unknown: BTreeSet<&Item> = wanted.iter().filter(|item| !known.contains_key(item)).collect();
    if !unknown.is_empty() {
        let live = live(app, unknown).await?;
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

/// Those of the items that exist now. The only remote call of this service.
pub async fn live(app: &App, items: BTreeSet<&Item>) -> Result<BTreeMap<Item, Target>, Fault> {
    if items.is_empty() {
        return Ok(BTreeMap::new());
    }
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
