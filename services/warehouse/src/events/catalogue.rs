//! Keeps what the catalogue says of SKUs, products and categories.

use crate::App;
use crate::domain::item::Item;
use crate::store::{items, thresholds};
use bus::Outcome;
use catalog_api::v1::{Category, Product, Variant};
use contracts::Observed;
use convert::read;
use fault::Fault;
use pg::Tx;

/// Keeps which SKU a variant has.
pub async fn keep_variant(
    _app: &App,
    tx: &mut Tx,
    variant: Observed<Variant>,
) -> Result<Outcome, Fault> {
    match &variant.state {
        Some(state) => {
            let item = read(|fields| {
                let sku = fields.sku("variant.sku", &state.sku);
                let variant_id = fields.id("variant.variant_id", &state.variant_id);
                let product_id = fields.id("variant.product_id", &state.product_id);
                let (sku, variant_id, product_id) = (sku?, variant_id?, product_id?);
                Some(Item { sku, variant_id, product_id, is_deleted: false })
            })?;
            items::upsert(tx, &item).await?;
        }
        None => {
            let id = read(|fields| fields.id("variant_id", &variant.key))?;
            let now = tx.now().await?;
            items::mark_deleted(tx, id, now).await?;
        }
    }
    Ok(Outcome::Done)
}

/// Keeps which categories a product is filed under.
pub async fn keep_product(
    app: &App,
    tx: &mut Tx,
    product: Observed<Product>,
) -> Result<Outcome, Fault> {
    let (id, category_ids) = read(|fields| {
        let id = fields.id("product_id", &product.key);
        let category_ids = match &product.state {
            Some(state) => fields.ids("product.category_ids", &state.category_ids).map(Some),
            None => Some(None),
        };
        id.zip(category_ids)
    })?;
    let category_ids: Option<Vec<_>> = category_ids;
    thresholds::keep_product(tx, id, category_ids.as_deref()).await?;
    tx.notify_after_commit(app.thresholds_due.clone());
    Ok(Outcome::Done)
}

/// Keeps the tree of categories and their thresholds.
pub async fn keep_category(
    app: &App,
    tx: &mut Tx,
    category: Observed<Category>,
) -> Result<Outcome, Fault> {
    let (id, state) = read(|fields| {
        let id = fields.id("category_id", &category.key);
        let state = match &category.state {
            Some(state) => {
                let parent = fields.optional_id("category.parent_id", &state.parent_id)?;
                Some(Some((parent, state.low_stock_threshold)))
            }
            None => Some(None),
        };
        id.zip(state)
    })?;
    thresholds::keep_category(tx, id, state).await?;
    tx.notify_after_commit(app.thresholds_due.clone());
    Ok(Outcome::Done)
}
