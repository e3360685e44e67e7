//! Calls to the catalogue: which items exist, and their ids.

use crate::App;
use crate::domain::item::{Item, Items, Known, Target};
use crate::store::items;
use catalog_api::v1::{ItemState, ResolveItemsRequest, ResolvedItem};
use fault::Fault;
use kernel::id::{Id, InvalidId};
use std::collections::BTreeSet;

/// The items as stored here, else from the catalogue, and then stored.
pub async fn known(app: &App, wanted: &[Item]) -> Result<Items, Fault> {
    let mut known =
        app.db.read("pricing.find_items", async |tx| items::find(tx, wanted).await).await?;
    let unknown: BTreeSet<&Item> = wanted.iter().filter(|item| known.get(item).is_none()).collect();
    if !unknown.is_empty() {
        let answered = resolve(app, unknown).await?;
        let learned: Vec<Target> = answered.all_live().cloned().collect();
        let learned = &learned;
        if !learned.is_empty() {
            app.db
                .write("pricing.learn_items", async |tx| items::insert(tx, learned).await)
                .await?;
        }
        known.extend(answered);
    }
    Ok(known)
}

/// The items as they are now. The only remote call of this service.
pub async fn resolve(app: &App, items: BTreeSet<&Item>) -> Result<Items, Fault> {
    if items.is_empty() {
        return Ok(Items::default());
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
    let known = wanted.into_iter().zip(entries).filter_map(|(item, entry)| {
        let known = match entry.state() {
            ItemState::Live => target(item, &entry).map(Known::Live),
            ItemState::Deleted => Ok(Known::Deleted),
            ItemState::Unknown | ItemState::Unspecified => return None,
        };
        Some(known.map(|known| (item.clone(), known)))
    });
    known.collect::<Result<_, InvalidId>>().map_err(Fault::internal)
}

fn target(item: &Item, entry: &ResolvedItem) -> Result<Target, InvalidId> {
    let variant_id = match item {
        Item::Sku(_) => Some(Id::parse(&entry.variant_id)?),
        Item::Product(_) => None,
    };
    Ok(Target { item: item.clone(), product_id: Id::parse(&entry.product_id)?, variant_id })
}
