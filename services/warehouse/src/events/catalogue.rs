//! Keeps what the catalogue says of SKUs, products and categories.

use crate::App;
use crate::domain::item::Item;
use crate::store::items;
use crate::store::thresholds::{self, Filed};
use bus::Outcome;
use catalog_api::v1::{Category, Product, Variant};
use contracts::Observed;
use convert::read;
use fault::Fault;
use pg::Tx;

/// Keeps which SKUs variants have.
pub async fn keep_variants(
    _app: &App,
    tx: &mut Tx,
    variants: Vec<Observed<Variant>>,
) -> Result<(), Fault> {
    let (mut kept, mut gone) = (Vec::new(), Vec::new());
    for variant in &variants {
        match &variant.state {
            Some(state) => kept.push(item(state)?),
            None => gone.push(read(|fields| fields.id("variant_id", &variant.key))?),
        }
    }
    items::keep(tx, &kept).await?;
    if gone.is_empty() {
        return Ok(());
    }
    let now = tx.now().await?;
    items::mark_deleted(tx, &gone, now).await
}

fn item(state: &Variant) -> Result<Item, Fault> {
    read(|fields| {
        let sku = fields.sku("variant.sku", &state.sku);
        let variant_id = fields.id("variant.variant_id", &state.variant_id);
        let product_id = fields.id("variant.product_id", &state.product_id);
        let (sku, variant_id, product_id) = (sku?, variant_id?, product_id?);
        Some(Item { sku, variant_id, product_id, is_deleted: false })
    })
}

/// Keeps which categories products are filed under.
pub async fn keep_products(
    app: &App,
    tx: &mut Tx,
    products: Vec<Observed<Product>>,
) -> Result<(), Fault> {
    let (mut kept, mut gone) = (Vec::new(), Vec::new());
    for product in &products {
        let product_id = read(|fields| fields.id("product_id", &product.key))?;
        match &product.state {
            Some(state) => {
                let category_ids =
                    read(|fields| fields.ids("product.category_ids", &state.category_ids))?;
                kept.push(Filed { product_id, category_ids });
            }
            None => gone.push(product_id),
        }
    }
    thresholds::keep_products(tx, &kept).await?;
    thresholds::remove_products(tx, &gone).await?;
    tx.notify_after_commit(app.thresholds_due.clone());
    Ok(())
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
