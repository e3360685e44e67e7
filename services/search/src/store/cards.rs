//! What a hit shows of its product and variant. A hit names the revision that matched, and what a revision shows never
//! changes, so cards that were shown before need no reading.

use crate::engine::hits::Hit;
use catalog_api::v1::{Product, ProductStatus, Variant};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use moka::future::Cache;
use pg::{Db, Tx, statement};
use prost::Message;
use std::collections::HashMap;
use std::time::Duration;
use uuid::Uuid;

/// How long cards are cached: a database that was restored from a backup uses its revisions again.
const CACHE_TTL: Duration = Duration::from_secs(600);

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

/// Product, revision and variant.
type Key = (Uuid, i64, Option<Uuid>);

fn key(hit: &Hit) -> Key {
    (hit.product_id, hit.revision, hit.variant_id)
}

/// The cards of this replica. Clones share them.
#[derive(Clone)]
pub struct Cards {
    known: Cache<Key, Card>,
}

impl Cards {
    /// A cache of at most `capacity` cards.
    pub fn new(capacity: u64) -> Self {
        Self { known: Cache::builder().max_capacity(capacity).time_to_live(CACHE_TTL).build() }
    }

    /// The cards of hits of the latest index, in their order; none for a product that customers see no longer, if it had to be read.
    pub async fn of(&self, db: &Db, hits: &[Hit]) -> Result<Vec<Option<Card>>, Fault> {
        let mut cards = Vec::with_capacity(hits.len());
        for hit in hits {
            cards.push(self.known.get(&key(hit)).await);
        }
        self.complete(db, hits, cards).await
    }

    /// The cards of hits of an older index, in their order; none for every product that customers see no longer.
    pub async fn of_earlier(&self, db: &Db, hits: &[Hit]) -> Result<Vec<Option<Card>>, Fault> {
        self.complete(db, hits, vec![None; hits.len()]).await
    }

    /// Reads the cards that are missing.
    async fn complete(
        &self,
        db: &Db,
        hits: &[Hit],
        cards: Vec<Option<Card>>,
    ) -> Result<Vec<Option<Card>>, Fault> {
        let missing: Vec<&Hit> = hits
            .iter()
            .zip(&cards)
            .filter(|(_, card)| card.is_none())
            .map(|(hit, _)| hit)
            .collect();
        let mut read = HashMap::new();
        if !missing.is_empty() {
            let missing = &missing;
            read = db.read_stale("search.cards", async move |tx| bodies(tx, missing).await).await?;
        }
        let mut shown = Vec::with_capacity(hits.len());
        for (hit, card) in hits.iter().zip(cards) {
            shown.push(match card {
                Some(card) => Some(card),
                None => self.learn(hit, &read).await?,
            });
        }
        Ok(shown)
    }

    /// A card from what was read. It is cached only if that is not older than the revision that matched, as data of a read replica may be.
    async fn learn(&self, hit: &Hit, read: &HashMap<Uuid, Body>) -> Result<Option<Card>, Fault> {
        let Some(product) = read.get(&hit.product_id) else { return Ok(None) };
        let variant = hit.variant_id.and_then(|id| read.get(&id));
        let Some(card) = card(product, variant)? else { return Ok(None) };
        let current = product.revision >= hit.revision;
        if current && (hit.variant_id.is_none() || variant.is_some()) {
            self.known.insert(key(hit), card.clone()).await;
        }
        Ok(Some(card))
    }
}

/// An entry as it was read, and the revision of its document then.
#[derive(QueryableByName)]
struct Body {
    #[diesel(sql_type = SqlUuid)]
    source_id: Uuid,
    #[diesel(sql_type = Binary)]
    body: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    revision: i64,
}

async fn bodies(tx: &mut Tx, hits: &[&Hit]) -> Result<HashMap<Uuid, Body>, Fault> {
    let products: Vec<Uuid> = hits.iter().map(|hit| hit.product_id).collect();
    let variants: Vec<Uuid> = hits.iter().filter_map(|hit| hit.variant_id).collect();
    let rows: Vec<Body> = statement(
        "select source_id, body, revision from entries join documents using (product_id)
         where section = 'product' and source_id = any ($1) and body is not null
         union all
         select source_id, body, revision from entries join documents using (product_id)
         where section = 'variant' and source_id = any ($2) and body is not null",
    )
    .bind::<Array<SqlUuid>, _>(products)
    .bind::<Array<SqlUuid>, _>(variants)
    .get_results(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.source_id, row)).collect())
}

fn card(product: &Body, variant: Option<&Body>) -> Result<Option<Card>, Fault> {
    let product: Product = read(Some(product))?;
    let variant: Variant = read(variant)?;
    Ok((product.status() == ProductStatus::Active).then(|| Card {
        brand_id: Uuid::parse_str(&product.brand_id).ok(),
        title: product.title,
        sku: variant.sku,
    }))
}

fn read<M: Message + Default>(body: Option<&Body>) -> Result<M, Fault> {
    let body = body.map(|body| body.body.as_slice()).unwrap_or_default();
    M::decode(body).map_err(|error| Fault::internal(error).context("read an entry"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_card_that_was_read_before_the_replica_had_the_revision_is_shown_and_not_kept() {
        let cards = Cards::new(9);
        let (product_id, variant_id) = (Uuid::now_v7(), Uuid::now_v7());
        let hit = Hit {
            product_id,
            revision: 7,
            rank: 0,
            score: 0.0,
            variant_id: Some(variant_id),
            amount_minor: None,
        };
        let body =
            |source_id, revision, body: Vec<u8>| (source_id, Body { source_id, body, revision });
        let product = |revision, title: &str| {
            let status = ProductStatus::Active.into();
            let product = Product { title: title.into(), status, ..Product::default() };
            body(product_id, revision, product.encode_to_vec())
        };
        let variant = |revision| {
            let variant = Variant { sku: "sku".into(), ..Variant::default() };
            body(variant_id, revision, variant.encode_to_vec())
        };
        let readings = [
            (vec![product(6, "of before"), variant(6)], "of before", false),
            // The variant is not there yet.
            (vec![product(7, "of now")], "of now", false),
            (vec![product(7, "of now"), variant(7)], "of now", true),
        ];
        let gone = Product { status: ProductStatus::Archived.into(), ..Product::default() };
        let gone = HashMap::from([body(product_id, 8, gone.encode_to_vec())]);
        for read in [HashMap::new(), gone] {
            assert!(cards.learn(&hit, &read).await.unwrap().is_none());
        }
        for (read, title, kept) in readings {
            let shown = cards.learn(&hit, &HashMap::from_iter(read)).await.unwrap();
            assert_eq!(shown.unwrap().title, title);
            assert_eq!(cards.known.get(&key(&hit)).await.is_some(), kept, "{title}");
        }
    }
}
