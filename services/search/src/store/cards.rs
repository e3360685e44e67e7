//! What a hit shows of its product and variant. A hit names the revision that matched, and what a revision shows never
//! changes, so cards are cached for good.

use crate::engine::hits::Hit;
use crate::schema::entries;
use contracts::catalog::v1::{Product, Variant};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::Tx;
use prost::Message;
use std::collections::HashMap;
use uuid::Uuid;

/// What a hit shows.
#[derive(Debug, Clone, Default)]
pub struct Card {
    /// Title of the product.
    pub title: String,
    /// Its brand.
    pub brand_id: Option<Uuid>,
    /// SKU of the variant.
    pub sku: String,
}

/// The cards of hits, in their order. Something that went meanwhile gives an empty card.
pub async fn of(tx: &mut Tx, hits: &[Hit]) -> Result<Vec<Card>, Fault> {
    let ids: Vec<Uuid> =
        hits.iter().flat_map(|hit| [Some(hit.product_id), hit.variant_id]).flatten().collect();
    let rows: Vec<(String, Uuid, Option<Vec<u8>>)> = entries::table
        .filter(entries::section.eq_any(["product", "variant"]))
        .filter(entries::source_id.eq_any(&ids))
        .select((entries::section, entries::source_id, entries::body))
        .load(tx.conn())
        .await?;
    let bodies: HashMap<Uuid, Vec<u8>> =
        rows.into_iter().filter_map(|(_, id, body)| Some((id, body?))).collect();
    hits.iter().map(|hit| card(hit, &bodies)).collect()
}

fn card(hit: &Hit, bodies: &HashMap<Uuid, Vec<u8>>) -> Result<Card, Fault> {
    let product: Product = read(bodies.get(&hit.product_id))?;
    let variant: Variant = read(hit.variant_id.and_then(|id| bodies.get(&id)))?;
    Ok(Card {
        title: product.title,
        brand_id: Uuid::parse_str(&product.brand_id).ok(),
        sku: variant.sku,
    })
}

fn read<M: Message + Default>(body: Option<&Vec<u8>>) -> Result<M, Fault> {
    let body = body.map(Vec::as_slice).unwrap_or_default();
    M::decode(body).map_err(|error| Fault::internal(error).context("read an entry"))
}
