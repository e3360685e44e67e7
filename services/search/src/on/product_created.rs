//! A product was created: its entry is the whole product.

use super::uuid;
use crate::domain::entry::{Entry, Filing, Section};
use contracts::catalog::v1::{Product, ProductCreated, ProductStatus};
use fault::Fault;
use prost::Message;
use uuid::Uuid;

/// The entry that the event makes.
pub fn product_created(event: ProductCreated) -> Result<Entry, Fault> {
    entry(event.product.unwrap_or_default())
}

/// The entry of a product as it is now.
pub(super) fn entry(product: Product) -> Result<Entry, Fault> {
    let id = uuid("product.product_id", &product.product_id)?;
    let filing = filing(&product)?;
    Ok(Entry {
        section: Section::Product,
        source_id: id,
        version: product.version,
        product_id: Some(id),
        body: Some(product.encode_to_vec()),
        filing: Some(filing),
    })
}

/// A product's entry as it is kept, with the filing that its body stands for.
pub fn filed(kept: Entry) -> Result<Entry, Fault> {
    let Some(body) = &kept.body else {
        return Ok(Entry { filing: Some(Filing::default()), ..kept });
    };
    let product = Product::decode(body.as_slice())
        .map_err(|error| Fault::internal(error).context("read an entry"))?;
    Ok(Entry { filing: Some(filing(&product)?), ..kept })
}

fn filing(product: &Product) -> Result<Filing, Fault> {
    let brand = (!product.brand_id.is_empty())
        .then(|| uuid("product.brand_id", &product.brand_id))
        .transpose()?;
    let categories: Result<Vec<Uuid>, Fault> =
        product.category_ids.iter().map(|id| uuid("product.category_ids", id)).collect();
    let shown = product.status() == ProductStatus::Active;
    Ok(Filing { brand_id: brand, category_ids: categories?, shown })
}
