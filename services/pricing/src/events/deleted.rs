//! What the catalogue deletes loses its prices.

use crate::App;
use crate::domain::item::{Item, Target};
use crate::domain::price::Price;
use crate::store::{items, prices};
use bus::{Outcome, Received};
use catalog_api::v1::{ProductDeleted, VariantDeleted};
use chrono::{DateTime, Utc};
use convert::read;
use fault::Fault;
use kernel::head::Change;
use pg::{Tx, entity};

/// Prices that are deleted by one statement; an item can have tens of thousands.
const CHUNK: i64 = 1_000;

/// The prices of a variant end with it.
pub async fn variant_deleted(
    _app: &App,
    tx: &mut Tx,
    event: Received<VariantDeleted>,
) -> Result<Outcome, Fault> {
    let target = read(|fields| {
        let sku = fields.sku("sku", &event.sku);
        let variant_id = fields.id("variant_id", &event.variant_id);
        let product_id = fields.id("product_id", &event.product_id);
        let item = Item::Sku(sku?);
        Some(Target { item, product_id: product_id?, variant_id: variant_id.map(Some)? })
    })?;
    end_prices(tx, &target, event.at).await
}

/// The prices of a product end with it; those of its variants by their own events.
pub async fn product_deleted(
    _app: &App,
    tx: &mut Tx,
    event: Received<ProductDeleted>,
) -> Result<Outcome, Fault> {
    let product_id = read(|fields| fields.id("product_id", &event.product_id))?;
    let target = Target { item: Item::Product(product_id), product_id, variant_id: None };
    end_prices(tx, &target, event.at).await
}

/// Ends the prices of exactly this item. It is marked first: a call that sets a price of it holds the item, so it is either seen here or finds the mark.
pub async fn end_prices(tx: &mut Tx, target: &Target, at: DateTime<Utc>) -> Result<Outcome, Fault> {
    items::mark_deleted(tx, target, at).await?;
    loop {
        let mut ended = prices::lock_of_item(tx, &target.item, CHUNK).await?;
        if ended.is_empty() {
            return Ok(Outcome::Done);
        }
        let now = tx.now().await?;
        let changes: Vec<Change> = ended.iter_mut().map(|own| own.head.delete(now)).collect();
        let changes: Vec<(&Price, &Change)> = ended.iter().zip(&changes).collect();
        entity::save_all(tx, &changes).await?;
    }
}
