//! What a hit shows of its product and variant. A hit names the revision that matched, and what a revision shows never
//! changes, so cards that were shown before need no reading.

use crate::domain::document::price_row;
use crate::domain::entry::Section;
use crate::domain::stock::{Level, Stocked};
use crate::engine::hits::Hit;
use catalog_api::v1::{Product, ProductStatus, Variant};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use moka::future::Cache;
use pg::{Db, Tx, statement};
use pricing_api::v1::Price;
use prost::Message;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;
use warehouse_api::v1::Stock;

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
    /// Stock of the variant; none: the product is not tracked.
    pub stock: Option<Arc<Stocked>>,
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
    async fn learn(&self, hit: &Hit, read: &HashMap<Uuid, Bodies>) -> Result<Option<Card>, Fault> {
        let Some(read) = read.get(&hit.product_id) else { return Ok(None) };
        let Some(card) = card(read, hit.variant_id)? else { return Ok(None) };
        let has_variant = |id: Uuid| read.variants.contains_key(&id);
        if read.revision >= hit.revision && hit.variant_id.is_none_or(has_variant) {
            self.known.insert(key(hit), card.clone()).await;
        }
        Ok(Some(card))
    }
}

/// What was read of a product.
#[derive(Default)]
struct Bodies {
    /// The revision of its document then, at least.
    revision: i64,
    product: Option<Vec<u8>>,
    /// Those that hits show.
    variants: HashMap<Uuid, Vec<u8>>,
    stock: Vec<Vec<u8>>,
    /// Only where there is stock.
    prices: Vec<Vec<u8>>,
}

async fn bodies(tx: &mut Tx, hits: &[&Hit]) -> Result<HashMap<Uuid, Bodies>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        product_id: Uuid,
        #[diesel(sql_type = BigInt)]
        revision: i64,
        #[diesel(sql_type = Text)]
        section: String,
        #[diesel(sql_type = SqlUuid)]
        source_id: Uuid,
        #[diesel(sql_type = Binary)]
        body: Vec<u8>,
    }
    let products: Vec<Uuid> = hits.iter().map(|hit| hit.product_id).collect();
    let variants: Vec<Uuid> = hits.iter().filter_map(|hit| hit.variant_id).collect();
    let rows: Vec<Row> = statement(
        "select e.product_id, d.revision, e.section, e.source_id, e.body
         from entries e join documents d using (product_id)
         where e.product_id = any ($1) and e.body is not null
           and (e.section in ('product', 'stock')
             or e.section = 'variant' and e.source_id = any ($2)
             or e.section = 'price' and exists (select from entries s
               where s.product_id = e.product_id and s.section = 'stock'))",
    )
    .bind::<Array<SqlUuid>, _>(products)
    .bind::<Array<SqlUuid>, _>(variants)
    .get_results(tx.conn())
    .await?;
    let mut read: HashMap<Uuid, Bodies> = HashMap::new();
    for row in rows {
        let of = read.entry(row.product_id).or_default();
        of.revision = row.revision;
        match Section::of(&row.section) {
            Some(Section::Product) => of.product = Some(row.body),
            Some(Section::Variant) => _ = of.variants.insert(row.source_id, row.body),
            Some(Section::Stock) => of.stock.push(row.body),
            Some(Section::Price) => of.prices.push(row.body),
            _ => {}
        }
    }
    Ok(read)
}

fn card(read: &Bodies, variant_id: Option<Uuid>) -> Result<Option<Card>, Fault> {
    let Some(product) = &read.product else { return Ok(None) };
    let product: Product = decode(product)?;
    if product.status() != ProductStatus::Active {
        return Ok(None);
    }
    let variant = variant_id.and_then(|id| read.variants.get(&id));
    let variant: Variant = variant.map(|body| decode(body)).transpose()?.unwrap_or_default();
    let is_tracked = !read.stock.is_empty();
    Ok(Some(Card {
        brand_id: Uuid::parse_str(&product.brand_id).ok(),
        title: product.title,
        stock: is_tracked.then(|| stocked(read, &variant.variant_id)).transpose()?.map(Arc::new),
        sku: variant.sku,
    }))
}

/// Stock and prices of one variant; nothing of a product without variants.
fn stocked(read: &Bodies, variant_id: &str) -> Result<Stocked, Fault> {
    let mut stocked = Stocked::default();
    for body in &read.stock {
        let stock: Stock = decode(body)?;
        if stock.variant_id == variant_id {
            stocked.levels.extend(Level::of(&stock));
        }
    }
    stocked.levels.sort_by_key(|level| level.warehouse_id);
    for body in read.prices.iter().filter(|_| !stocked.levels.is_empty()) {
        let price: Price = decode(body)?;
        if price.variant_id.is_empty() || price.variant_id == variant_id {
            stocked.prices.extend(price_row(&price));
        }
    }
    Ok(stocked)
}

fn decode<M: Message + Default>(body: &[u8]) -> Result<M, Fault> {
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
        let read = |revision, title: &str, variants: &[Uuid]| {
            let status = ProductStatus::Active.into();
            let product = Product { title: title.into(), status, ..Product::default() };
            let variant = Variant { sku: "sku".into(), ..Variant::default() }.encode_to_vec();
            let read = Bodies {
                revision,
                product: Some(product.encode_to_vec()),
                variants: variants.iter().map(|id| (*id, variant.clone())).collect(),
                ..Bodies::default()
            };
            HashMap::from([(product_id, read)])
        };
        let readings = [
            (read(6, "of before", &[variant_id]), "of before", false),
            // The variant is not there yet.
            (read(7, "of now", &[]), "of now", false),
            (read(7, "of now", &[variant_id]), "of now", true),
        ];
        let gone = Product { status: ProductStatus::Archived.into(), ..Product::default() };
        let gone = Bodies { product: Some(gone.encode_to_vec()), ..Bodies::default() };
        for read in [HashMap::new(), HashMap::from([(product_id, gone)])] {
            assert!(cards.learn(&hit, &read).await.unwrap().is_none());
        }
        for (read, title, kept) in readings {
            let shown = cards.learn(&hit, &read).await.unwrap().unwrap();
            assert_eq!(shown.title, title);
            assert!(shown.stock.is_none());
            assert_eq!(cards.known.get(&key(&hit)).await.is_some(), kept, "{title}");
        }
    }

    #[test]
    fn a_card_has_the_stock_of_its_variant_alone() {
        let (variant_id, other) = (Uuid::now_v7(), Uuid::now_v7());
        let level = |variant: Uuid, warehouse: u128, available| {
            let stock = Stock {
                variant_id: variant.to_string(),
                warehouse_id: Uuid::from_u128(warehouse).to_string(),
                available,
                ..Stock::default()
            };
            stock.encode_to_vec()
        };
        let status = ProductStatus::Active.into();
        let variant = Variant { variant_id: variant_id.to_string(), ..Variant::default() };
        let mut read = Bodies {
            product: Some(Product { status, ..Product::default() }.encode_to_vec()),
            variants: HashMap::from([(variant_id, variant.encode_to_vec())]),
            ..Bodies::default()
        };
        let stock = |read: &Bodies| {
            let card = card(read, Some(variant_id)).unwrap().unwrap();
            card.stock.map(|own| own.levels.iter().map(|level| level.available).collect::<Vec<_>>())
        };
        assert_eq!(stock(&read), None);
        read.stock = vec![level(other, 1, 9)];
        assert_eq!(stock(&read), Some(vec![]));
        read.stock.extend([level(variant_id, 2, 7), level(variant_id, 1, 3)]);
        assert_eq!(stock(&read), Some(vec![3, 7]));
    }
}
