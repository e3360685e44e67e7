//! Changes the values that an attribute has in many products and variants, a bounded number at a time.

use crate::domain::attribute::Attribute;
use crate::domain::product::{self, Product};
use crate::domain::value::Values;
use crate::domain::variant::{Content, Variant, options_taken};
use crate::store::{attributes, variants};
use fault::Fault;
use kernel::head::Change;
use pg::Tx;
use pg::entity::{self, Lock};
use std::collections::HashSet;

/// Most products and variants of one call: one transaction has to hold all their events.
const MAX_OWNERS: i64 = 1_000;

/// The field that changes.
const NAMED: [&str; 1] = ["tier2_attributes"];

/// What one call did.
pub struct Revalued {
    /// Products and variants that it changed.
    pub changed: i32,
    /// Those that are left.
    pub remaining: i64,
}

/// Gives products and variants new values: those that have this text in a locked definition, or any value of it.
pub async fn revalue(
    tx: &mut Tx,
    attribute: &Attribute,
    text: Option<&str>,
    new: impl Fn(&Values) -> Values,
) -> Result<Revalued, Fault> {
    let owners = attributes::owners(tx, attribute, text, MAX_OWNERS).await?;
    let mut products: Vec<Product> = entity::lock_all(tx, &owners.products, Lock::Change).await?;
    let mut own: Vec<Variant> = entity::lock_all(tx, &owners.variants, Lock::Change).await?;
    let now = tx.now().await?;
    let mut changes: Vec<(Product, Change)> = Vec::new();
    for mut product in products.drain(..) {
        let values = new(&product.content.values);
        let content = product::Content { values, ..product.content.clone() };
        let change = product.apply(content, &NAMED, now);
        changes.extend(change.map(|change| (product, change)));
    }
    let mut changed: Vec<(Variant, Change)> = Vec::new();
    for mut variant in own.drain(..) {
        let content = Content { values: new(&variant.content.values), ..variant.content.clone() };
        let change = variant.update(content, &NAMED, None, now)?;
        changed.extend(change.map(|change| (variant, change)));
    }
    require_options(tx, &changed).await?;
    entity::save_all(tx, &changes.iter().map(|(own, change)| (own, change)).collect::<Vec<_>>())
        .await?;
    entity::save_all(tx, &changed.iter().map(|(own, change)| (own, change)).collect::<Vec<_>>())
        .await?;
    let count = owners.products.len() + owners.variants.len();
    let done = i64::try_from(count).unwrap_or(i64::MAX);
    let changed = i32::try_from(changes.len() + changed.len()).unwrap_or(i32::MAX);
    Ok(Revalued { changed, remaining: owners.count - done })
}

/// Variants of a product stay distinct, from those that change and from the others.
async fn require_options(tx: &mut Tx, changed: &[(Variant, Change)]) -> Result<(), Fault> {
    let wanted: Vec<_> =
        changed.iter().map(|(own, _)| (own.product_id, own.content.options())).collect();
    let moved: HashSet<_> = changed.iter().map(|(own, _)| own.head.id).collect();
    let mut seen = HashSet::new();
    let holders = variants::of_options(tx, &wanted).await?;
    let taken = changed.iter().zip(&wanted).find(|(_, wanted)| {
        !seen.insert(*wanted) || holders.get(wanted).is_some_and(|holder| !moved.contains(holder))
    });
    match taken {
        Some(((own, _), _)) => Err(options_taken().with("sku", &own.sku)),
        None => Ok(()),
    }
}
