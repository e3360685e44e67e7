//! B09 through search: histories of a few products that arrive repeatedly and in any order give the same tables and answers as
//! those that arrive once and in order.

use crate::shop::{ALL, in_usd, search, usd};
use catalog_api::v1::{
    Brand, BrandCreated, BrandDeleted, Product, ProductCreated, ProductDeleted, ProductStatus,
    ProductUpdated, Tier1Attributes, Variant, VariantCreated, VariantDeleted, VariantUpdated,
};
use contracts::Fact;
use diesel::sql_types::Text;
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use pricing_api::v1::item::Name;
use pricing_api::v1::{Item, Price, PriceDeleted, PriceUpdated};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use testkit::{Mesh, Options, eventually, publish_as};
use uuid::Uuid;

/// Histories, each of products of its own.
const SEEDS: u64 = 20;

/// Products of one history, each with two variants, each of them with a price.
const PRODUCTS: usize = 3;
const VARIANTS: usize = 2;

/// Changes of one history, after all its aggregates were created.
const CHANGES: usize = 20;

/// How far an event may be from its place.
const MAX_DISPLACEMENT: usize = 25;
/// How often an event may be delivered.
const MAX_DELIVERIES: usize = 3;

/// An aggregate with its version.
struct Aggregate {
    id: String,
    kind: Kind,
    version: i64,
}

#[derive(Clone)]
enum Kind {
    Brand,
    Product { brand_id: String },
    Variant { product_id: String },
    Price { product_id: String, variant_id: String, sku: String },
}

/// The events of a history, in order; its titles contain `seed<n>`.
fn history(seed: u64) -> Vec<(Uuid, Fact)> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut aggregates = aggregates(&mut random, seed);
    let made: Vec<usize> = (0..aggregates.len()).collect();
    let changed = (0..CHANGES).map(|_| random.random_range(0..aggregates.len()));
    let order: Vec<usize> = made.into_iter().chain(changed.collect::<Vec<_>>()).collect();
    let fact = |at: usize| {
        let aggregate = &mut aggregates[at];
        aggregate.version += 1;
        (Uuid::from_u128(random.random()), aggregate.change(&mut random, seed))
    };
    order.into_iter().map(fact).collect()
}

fn aggregates(random: &mut StdRng, seed: u64) -> Vec<Aggregate> {
    let mut id = || Uuid::from_u128(random.random()).to_string();
    let new = |id: &str, kind| Aggregate { id: id.to_owned(), kind, version: 0 };
    let brand_id = id();
    let mut all = vec![new(&brand_id, Kind::Brand)];
    for product in 0..PRODUCTS {
        let product_id = id();
        all.push(new(&product_id, Kind::Product { brand_id: brand_id.clone() }));
        for variant in 0..VARIANTS {
            let (variant_id, sku) = (id(), format!("S{seed}-{product}-{variant}"));
            let product_id = product_id.clone();
            all.push(new(&variant_id, Kind::Variant { product_id: product_id.clone() }));
            all.push(new(&id(), Kind::Price { product_id, variant_id, sku }));
        }
    }
    all
}

impl Aggregate {
    /// The first change creates it; one of eight later changes deletes it, and the one after that creates it again.
    fn change(&self, random: &mut StdRng, seed: u64) -> Fact {
        let (id, version) = (self.id.clone(), self.version);
        let (is_first, is_end) = (version == 1, version > 1 && random.random_range(0..8) == 0);
        let number: i64 = random.random_range(1..1000);
        let changed = vec![];
        match self.kind.clone() {
            Kind::Brand if is_end => Fact::from(&BrandDeleted { brand_id: id, version }),
            Kind::Brand => {
                let name = format!("Brand {number}");
                let brand = Some(Brand { brand_id: id, name, version, ..Default::default() });
                Fact::from(&BrandCreated { brand })
            }
            Kind::Product { .. } if is_end => {
                Fact::from(&ProductDeleted { product_id: id, version })
            }
            Kind::Product { brand_id } => {
                let is_active = random.random_range(0..4) > 0;
                let status = if is_active { ProductStatus::Active } else { ProductStatus::Draft };
                let product = Some(Product {
                    product_id: id,
                    title: format!("seed{seed} lamp {number}"),
                    brand_id: if number % 3 == 0 { String::new() } else { brand_id },
                    status: status.into(),
                    version,
                    ..Default::default()
                });
                match is_first {
                    true => Fact::from(&ProductCreated { product }),
                    false => Fact::from(&ProductUpdated { product, changed }),
                }
            }
            Kind::Variant { product_id } if is_end => {
                let sku = id.clone();
                Fact::from(&VariantDeleted { variant_id: id, version, product_id, sku })
            }
            Kind::Variant { product_id } => {
                let color = format!("color {number}");
                let variant = Some(Variant {
                    variant_id: id.clone(),
                    product_id,
                    sku: id,
                    tier1_attributes: Some(Tier1Attributes { color, ..Default::default() }),
                    version,
                    ..Default::default()
                });
                match is_first {
                    true => Fact::from(&VariantCreated { variant }),
                    false => Fact::from(&VariantUpdated { variant, changed }),
                }
            }
            Kind::Price { product_id, .. } if is_end => {
                Fact::from(&PriceDeleted { price_id: id, version, product_id })
            }
            Kind::Price { product_id, variant_id, sku } => {
                let price = Some(Price {
                    price_id: id,
                    product_id,
                    variant_id,
                    item: Some(Item { name: Some(Name::Sku(sku)) }),
                    base: usd(number),
                    version,
                    ..Default::default()
                });
                Fact::from(&PriceUpdated { price, changed })
            }
        }
    }
}

/// The same events as they arrive: some repeatedly, each at most MAX_DISPLACEMENT from its place.
fn shuffled(seed: u64, history: &[(Uuid, Fact)]) -> Vec<(Uuid, Fact)> {
    let mut random = StdRng::seed_from_u64(seed + 1_000_000);
    let mut arriving = Vec::new();
    for (place, event) in history.iter().enumerate() {
        for _ in 0..random.random_range(1..=MAX_DELIVERIES) {
            arriving.push((place + random.random_range(0..MAX_DISPLACEMENT), event.clone()));
        }
    }
    arriving.sort_by_key(|(place, _)| *place);
    arriving.into_iter().map(|(_, event)| event).collect()
}

/// All rows of search, without the revisions.
async fn kept(mesh: &Mesh) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        row: String,
    }
    let rows = sql_query(
        "select concat_ws(' ', section, source_id, version, product_id, encode(body, 'hex')) as row
         from entries
         union all
         select concat_ws(' ', product_id, known, shown, brand_id, category_ids) from documents
         order by row",
    );
    let rows: Vec<Row> = rows.get_results(&mut mesh.database("search").await).await.unwrap();
    rows.into_iter().map(|row| row.row).collect()
}

/// The search results of each history.
async fn results(mesh: &Mesh) -> Vec<String> {
    let mut results = Vec::new();
    for seed in 0..SEEDS {
        let answer = search(mesh, in_usd(&format!("seed{seed}"))).await;
        results.extend(
            answer.products.into_iter().map(|hit| {
                format!("{} {} {} {:?}", hit.product_id, hit.title, hit.brand, hit.amount)
            }),
        );
    }
    results.sort();
    results
}

/// Publishes the events, and waits until tables and index contain them.
async fn publish(events: impl Iterator<Item = (Uuid, Fact)>) -> Mesh {
    let mesh = Mesh::boot_with(&ALL, Options { twice: false, ..Options::default() }).await;
    for (id, fact) in events {
        publish_as(&mesh, id, &fact).await;
    }
    mesh.settle().await;
    let behind = "select (select max(revision) from documents) - (select max(revision) from replicas) as count";
    eventually("the index has followed", async || {
        (mesh.count("search", behind).await == 0).then_some(())
    })
    .await;
    mesh
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_histories_in_any_order_and_repeated_give_the_same_result() {
    let histories: Vec<_> = (0..SEEDS).map(|seed| (seed, history(seed))).collect();
    let arriving = histories.iter().flat_map(|(seed, history)| shuffled(*seed, history));
    let (in_order, in_any) = tokio::join!(
        publish(histories.iter().flat_map(|(_, history)| history.clone())),
        publish(arriving)
    );
    let expected = kept(&in_order).await;
    let documents = usize::try_from(SEEDS).unwrap() * PRODUCTS;
    assert!(expected.len() > 5 * documents, "{} rows", expected.len());
    assert_eq!(kept(&in_any).await, expected);
    assert_eq!(in_any.count("search", "select count(*) from early").await, 0);
    let answers = results(&in_order).await;
    assert!(answers.len() > documents / 3 && answers.len() < documents, "{answers:?}");
    assert_eq!(results(&in_any).await, answers);
    in_order.finish().await;
    in_any.finish().await;
}
