//! Calls to the catalogue: which SKUs exist.

use crate::App;
use crate::domain::item::{Item, deleted, unknown};
use crate::store::items;
use catalog_api::v1::{ItemState, ResolveItemsRequest, ResolvedItem};
use fault::Fault;
use kernel::id::Id;
use kernel::sku::Sku;
use std::collections::BTreeMap;

/// Most SKUs that one call of the catalogue takes.
const MAX_ASKED: usize = 500;

/// The SKUs as known here, else from the catalogue, and then kept; one that it never had is absent.
pub async fn known(app: &App, skus: &[Sku]) -> Result<BTreeMap<Sku, Item>, Fault> {
    let mut known =
        app.db.read("warehouse.find_items", async |tx| items::find(tx, skus).await).await?;
    let unknown: Vec<&Sku> = skus.iter().filter(|sku| !known.contains_key(sku)).collect();
    for asked in unknown.chunks(MAX_ASKED) {
        let learned = resolve(app, asked).await?;
        if learned.is_empty() {
            continue;
        }
        let new = &learned;
        app.db.write("warehouse.learn_items", async |tx| items::insert(tx, new).await).await?;
        known.extend(learned.into_iter().map(|item| (item.sku.clone(), item)));
    }
    Ok(known)
}

/// One SKU that the catalogue has, or the refusal for it at a field.
pub async fn require(app: &App, sku: &Sku, path: &str) -> Result<Item, Fault> {
    let mut known = known(app, std::slice::from_ref(sku)).await?;
    match known.remove(sku) {
        Some(item) if item.is_deleted => Err(deleted(sku, path)),
        Some(item) => Ok(item),
        None => Err(unknown(sku, path)),
    }
}

/// One SKU that the catalogue has or had.
pub async fn require_ever(app: &App, sku: &Sku, path: &str) -> Result<Item, Fault> {
    let mut known = known(app, std::slice::from_ref(sku)).await?;
    known.remove(sku).ok_or_else(|| unknown(sku, path))
}

async fn resolve(app: &App, skus: &[&Sku]) -> Result<Vec<Item>, Fault> {
    let skus: Vec<String> = skus.iter().map(ToString::to_string).collect();
    let count = skus.len();
    let request = ResolveItemsRequest { skus, product_ids: Vec::new() };
    let answer = app.catalog.clone().resolve_items(request).await;
    let answer = answer.map_err(|status| Fault::from(status).context("resolve items"))?;
    let entries = answer.into_inner().items;
    if entries.len() != count {
        let got = entries.len();
        return Err(Fault::internal(format!("the catalogue answered {got} for {count} items")));
    }
    entries.iter().filter_map(item).collect()
}

fn item(entry: &ResolvedItem) -> Option<Result<Item, Fault>> {
    let is_deleted = match entry.state() {
        ItemState::Live => false,
        ItemState::Deleted => true,
        ItemState::Unknown | ItemState::Unspecified => return None,
    };
    let read = || -> Result<Item, Fault> {
        Ok(Item {
            sku: Sku::parse(&entry.sku).map_err(Fault::internal)?,
            variant_id: Id::parse(&entry.variant_id).map_err(Fault::internal)?,
            product_id: Id::parse(&entry.product_id).map_err(Fault::internal)?,
            is_deleted,
        })
    };
    Some(read())
}
