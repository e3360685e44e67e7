//! A chunk of an import inside its transaction: everything that its rows name is read by a few queries, each row is decided, and
//! what changed is written at once.

use crate::domain::import::{Known, Plan, Row, Settings, VariantRow, plan};
use crate::domain::product::Product;
use crate::domain::variant::{Content, Options};
use crate::store::{attributes, brands, categories, products, variants};
use crate::wire;
use catalog_api::v1::ImportRow;
use fault::Fault;
use kernel::id::Id;
use kernel::name::fold;
use pg::Tx;
use pg::entity::{self, Lock};
use std::collections::{BTreeSet, HashMap};

/// Decides every row, writing nothing.
pub async fn decide(tx: &mut Tx, rows: &[ImportRow], settings: Settings) -> Result<Plan, Fault> {
    let rows: Vec<_> = rows.iter().map(|row| (row.key.clone(), wire::import::row(row))).collect();
    let readable: Vec<&Row> = rows.iter().filter_map(|(_, row)| row.as_ref().ok()).collect();
    let known = known(tx, &readable).await?;
    let now = tx.now().await?;
    Ok(plan(rows, settings, known, now))
}

/// Writes what was decided.
pub async fn save(tx: &mut Tx, plan: &Plan) -> Result<(), Fault> {
    let attributes: Vec<_> = plan.attributes.iter().map(|(own, change)| (own, change)).collect();
    entity::save_all(tx, &attributes).await?;
    let brands: Vec<_> = plan.brands.iter().map(|(own, change)| (own, change)).collect();
    entity::save_all(tx, &brands).await?;
    let products: Vec<_> = plan.products.iter().map(|(own, change)| (own, change)).collect();
    entity::save_all(tx, &products).await?;
    let variants: Vec<_> = plan.variants.iter().map(|(own, change)| (own, change)).collect();
    entity::save_all(tx, &variants).await
}

/// Reads and locks all that the rows name, in the order of locks.
async fn known(tx: &mut Tx, rows: &[&Row]) -> Result<Known, Fault> {
    let own = rows.iter().flat_map(|row| row.variants.iter()).collect::<Vec<&VariantRow>>();
    let given = rows.iter().flat_map(|row| &row.given);
    let definitions =
        attributes::lock_references(tx, given.chain(own.iter().flat_map(|own| &own.given))).await?;
    let folded: BTreeSet<String> = rows.iter().map(|row| fold(&row.brand)).collect();
    let brands = brands::lock_references(tx, &folded.into_iter().collect::<Vec<_>>()).await?;
    let keys: BTreeSet<String> =
        rows.iter().flat_map(|row| row.category_keys.iter().map(|key| fold(key))).collect();
    let categories = categories::lock_references(tx, &Vec::from_iter(keys)).await?;
    let keys: Vec<String> =
        rows.iter().filter_map(|row| row.content.key.as_deref().map(fold)).collect();
    let keys = products::of_keys(tx, &keys).await?;
    let ids: Vec<Id<Product>> = keys.values().copied().collect();
    let there = entity::lock_all::<Product>(tx, &ids, Lock::Deletion).await?;
    let skus: Vec<_> = own.iter().map(|own| &own.sku).collect();
    let variants = variants::lock_skus(tx, &skus).await?;
    let mut known = Known {
        definitions,
        brands,
        categories,
        keys,
        products: there.into_iter().map(|product| (product.head.id, product)).collect(),
        variants: variants.into_iter().map(|own| (own.sku.clone(), own)).collect(),
        options: HashMap::new(),
    };
    let wanted = wanted(rows, &known);
    known.options = variants::of_options(tx, &wanted).await?;
    Ok(known)
}

/// The options that the rows want in products that are there. A value that is not defined yet is never variant-defining.
fn wanted(rows: &[&Row], known: &Known) -> Vec<(Id<Product>, Options)> {
    let mut wanted = Vec::new();
    for row in rows {
        let key = row.content.key.as_ref();
        let Some(product) = key.and_then(|key| known.keys.get(&fold(key))) else { continue };
        for own in &row.variants {
            let values = known.definitions.known(&own.given);
            wanted.push((*product, Content { values, ..own.content.clone() }.options()));
        }
    }
    wanted
}
